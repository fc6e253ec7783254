//! Any bytes are decoded or refused, and what is decoded leads back to its bytes.

#![no_main]

use std::sync::LazyLock;

use hanmill::document::Document;
use hanmill::stage::{BuildContext, Built, Scratch, StageConfig};
use hanmill::stages::decode::Decode;
use libfuzzer_sys::fuzz_target;

const OPTIONS: [&str; 8] = [
    "{}",
    "{encoding: big5, big5_variant: uao}",
    "{encoding: euc-tw}",
    "{encoding: hz-gb-2312}",
    "{encoding: iso-2022-cn}",
    "{encoding: big5-uao}",
    "{declared: trust, max_malformed_ratio: 0.1}",
    "{on_malformed: quarantine, candidates: [gb18030, big5, euc-tw]}",
];

static STAGES: LazyLock<Vec<Built>> = LazyLock::new(|| {
    OPTIONS
        .iter()
        .map(|options| {
            let decode: Decode = serde_yaml::from_str(options).expect("options are sound");
            decode.build(&BuildContext::new(".")).unwrap_or_else(|_| panic!("{options} builds"))
        })
        .collect()
});

fuzz_target!(|bytes: &[u8]| {
    let Some((&which, raw)) = bytes.split_first() else { return };
    let stage = &STAGES[usize::from(which) % STAGES.len()];
    let mut doc = Document::from_bytes("fuzz", raw.to_vec());
    if stage.process(&mut doc, &mut Scratch::default()).is_err() {
        return;
    }
    let encoding = doc.encoding.as_ref().expect("a decoded document has an encoding");
    assert!((0.0..=1.0).contains(&encoding.confidence));
    let n_replaced = doc.text().matches('\u{FFFD}').count() as u64;
    assert_eq!(n_replaced, encoding.malformed.total + encoding.replacement_characters);
    let provenance = doc.provenance();
    let mut start = 0;
    for (at, c) in doc.text().char_indices() {
        let piece = provenance.source_bytes(at..at + c.len_utf8());
        assert!(start <= piece.start && piece.start < piece.end && piece.end <= raw.len() as u64);
        start = piece.start;
    }
});
