//! Any markup gives text whose every character leads back into the page.

#![no_main]

use hanmill::document::Document;
use hanmill::stage::{BuildContext, Scratch, StageConfig};
use hanmill::stages::html::{Html, Keep};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|markup: &str| {
    let page = format!("<html>{markup}");
    for keep in [Keep::Main, Keep::All] {
        let stage = Html { keep }.build(&BuildContext::new(".")).expect("it has no options to refuse");
        let mut doc = Document::from_text("fuzz", page.clone());
        stage.process(&mut doc, &mut Scratch::default()).expect("any page gives text");
        let provenance = doc.provenance();
        for (at, c) in doc.text().char_indices() {
            let span = provenance.source_bytes(at..at + c.len_utf8());
            assert!(span.start <= span.end && span.end <= page.len() as u64);
        }
    }
});
