//! Any text is repaired without a panic, to a text that is left as it is, and its log undoes it.

#![no_main]

use std::sync::LazyLock;

use hanmill::document::Document;
use hanmill::stage::{BuildContext, Built, Scratch, StageConfig};
use hanmill::stages::repair::Repair;
use libfuzzer_sys::fuzz_target;

const OPTIONS: [&str; 4] =
    ["{}", "{mojibake: lossy}", "{pinyin_noise: invert}", "{pinyin_noise: strip, mojibake: off}"];

static STAGES: LazyLock<Vec<Built>> = LazyLock::new(|| {
    OPTIONS
        .iter()
        .map(|options| {
            let repair: Repair = serde_yaml::from_str(options).expect("options are sound");
            repair.build(&BuildContext::new(".")).unwrap_or_else(|_| panic!("{options} builds"))
        })
        .collect()
});

fn repaired(stage: &Built, text: &str) -> Document {
    let mut doc = Document::from_text("fuzz", text);
    stage.process(&mut doc, &mut Scratch::default()).expect("any text goes through");
    doc
}

/// Takes back what the log says.
fn undone(doc: &Document) -> String {
    let mut text = String::new();
    let mut rest = doc.text();
    let mut old = 0;
    for repair in &doc.repairs {
        let (kept, behind) = rest.split_at(repair.start as usize - old);
        text.push_str(kept);
        text.push_str(&repair.before);
        rest = behind.strip_prefix(&*repair.after).expect("the log tells what stands there");
        old = repair.end as usize;
    }
    text + rest
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&which, text)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(text);
    let stage = &STAGES[usize::from(which) % STAGES.len()];
    let doc = repaired(stage, &text);
    assert_eq!(undone(&doc), text);
    assert_eq!(repaired(stage, doc.text()).text(), doc.text());
});
