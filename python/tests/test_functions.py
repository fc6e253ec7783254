import pyarrow as pa
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


def test_text_of_any_encoding():
    data = "人工智能技術正在改變農業生產。".encode("big5")
    assert hanmill.decode(data) == "人工智能技術正在改變農業生產。"
    assert hanmill.decode([data, bytearray(data)], encoding="big5") == [hanmill.decode(memoryview(data))] * 2
    with pytest.raises(ValueError, match="item 1"):
        hanmill.decode([data, b"\x89PNG\r\n\x1a\n" + bytes(50)])


def test_options_are_those_of_the_stage(tmp_path, monkeypatch):
    assert "https://a.cn/b" in hanmill.segment("见https://a.cn/b。", protect=["url"])
    assert hanmill.convert("漢字", "t2s.json") == "汉字"
    text = "北京的天气，北京的大学"
    assert hanmill.keywords(text, method="tfidf", pos=["ns"]) == ["北京"]
    monkeypatch.chdir(tmp_path)
    words = tmp_path / "words.txt"
    words.write_text("我来到北京\n", encoding="utf-8")
    for path in [words, str(words), "words.txt", ["words.txt"]]:
        assert hanmill.segment("我来到北京", user_dict=path) == ["我来到北京"]
    words.write_text("来到北京\n", encoding="utf-8")
    assert hanmill.segment("我来到北京", user_dict="words.txt") == ["我", "来到北京"]


def test_whatever_holds_strings():
    for texts in [("漢", "字"), iter(["漢", "字"]), pa.array(["漢", "字"]), {"漢": 1, "字": 2}]:
        assert hanmill.convert(texts) == ["汉", "字"]
    assert hanmill.convert([]) == []
    assert hanmill.convert("") == ""
    assert hanmill.segment(["", "汉字"]) == [[], ["汉字"]]


def test_many_texts_come_back_in_order():
    texts = [f"漢字{n}" for n in range(5_000)]
    assert hanmill.convert(texts) == [text.replace("漢", "汉") for text in texts]


def test_a_mistake_is_told():
    with pytest.raises(ValueError, match="t2x(.|\n)*t2s"):
        hanmill.convert("漢", "t2x")
    with pytest.raises(ValueError, match="mode"):
        hanmill.segment("汉", mode="no")
    with pytest.raises(ValueError, match="hnm(.|\n)*hmm"):
        hanmill.segment("汉", hnm=True)
    with pytest.raises(TypeError, match="a string, or a list of them, not int"):
        hanmill.segment(5)
    with pytest.raises(TypeError, match="item 1 is NoneType, not a string"):
        hanmill.segment(["汉", None])
    with pytest.raises(TypeError, match="not bytes; `hanmill.decode` makes text of bytes"):
        hanmill.segment(b"x")
    with pytest.raises(TypeError, match="bytes, or a list of them, not str"):
        hanmill.detect("汉")
    with pytest.raises(UnicodeEncodeError):
        hanmill.convert("\ud800")
