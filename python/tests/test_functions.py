import pytest

import hanmill


def test_single_texts_and_lists():
    assert hanmill.convert("漢字") == "汉字"
    assert hanmill.convert(["漢字", "軟體"], "tw2sp") == ["汉字", "软件"]
    assert hanmill.cut("我来到北京清华大学") == ["我", "来到", "北京", "清华大学"]
    assert hanmill.segment(["我来到北京清华大学"] * 3, mode="search")[2][-3:] == ["华大", "大学", "清华大学"]
    assert hanmill.segment("北京", pos=True) == [("北京", "ns")]
    assert hanmill.tokenize("我来到北京")[2] == ("北京", 3, 5)
    assert hanmill.repair("汉字") == "汉字"
    assert hanmill.segment([]) == []


def test_detects_an_encoding():
    data = "人工智能技术正在改变农业生产。".encode("gb18030")
    assert hanmill.detect(data).encoding == "gb18030" or hanmill.detect(data).encoding == "gbk"
    assert [found.encoding for found in hanmill.detect(["汉字".encode(), "汉字".encode()])] == ["utf-8"] * 2


def test_keywords_are_ranked():
    text = "人工智能改变农业。人工智能进入农业。人工智能。"
    pairs = hanmill.keywords(text, top=2, method="tfidf", with_weight=True)
    assert len(pairs) == 2 and pairs[0][1] >= pairs[1][1]
    assert hanmill.keywords(text, top=2, method="tfidf") == [word for word, _ in pairs]


def test_a_mistake_is_told():
    with pytest.raises(ValueError, match="t2x"):
        hanmill.convert("漢", "t2x")
    with pytest.raises(ValueError, match="mode"):
        hanmill.segment("汉", mode="no")
