//! Pipeline files that are no pipelines, or are made to take up time and memory.

use std::time::Instant;

use super::{Mill, random_bytes};

/// Memory that no look at a pipeline needs, in bytes.
const MEMORY: u64 = 200 << 20;
/// Seconds that no look at a pipeline takes, with room for a machine that has other work.
const SECONDS: f64 = 5.0;

/// Checks that a pipeline is refused, at once and with a message that says `expected`.
#[track_caller]
fn refused(pipeline: impl AsRef<[u8]>, expected: &str) {
    let mill = Mill::new("");
    mill.write("in/a.jsonl", "{\"text\":\"好\"}\n");
    mill.write("pipeline.yaml", pipeline);
    for command in ["check", "run"] {
        let started = Instant::now();
        let ran = mill.run(&[command]);
        let seconds = started.elapsed().as_secs_f64();
        let told: String = ran.stderr.chars().take(2000).collect();
        assert_eq!(ran.code, Some(2), "{told}");
        assert!(ran.stderr.contains(expected), "{told}");
        assert!(ran.stderr.len() < 100_000, "{} bytes: {told}", ran.stderr.len());
        assert!(seconds < SECONDS, "{seconds} s: {told}");
        assert!(ran.peak_bytes < MEMORY, "{} MiB: {told}", ran.peak_bytes >> 20);
        assert!(!mill.path("out").exists());
    }
}

#[test]
fn aliases_that_multiply_are_not_followed() {
    let mut laughs = "a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]\n".to_owned();
    for n in 1..12 {
        let list = vec![format!("*a{}", n - 1); 10].join(", ");
        laughs += &format!("a{n}: &a{n} [{list}]\n");
    }
    refused(&laughs, "more than 100000 values in one pipeline");
    refused("stages: &a [*a]\n", "the pipeline");
    // As a list under a known key, whose every entry is a mistake.
    refused(format!("input: in\nstages: [{}]\n", "x, ".repeat(20_000)), "there is no stage `x`");
}

#[test]
fn values_within_each_other_have_an_end() {
    for open in ["[", "{a: ", "- ", "? ", "!!x [", "&a ["] {
        refused(open.repeat(10_000), "");
        refused(format!("input: in\nstages:\n  - keywords: {}", open.repeat(10_000)), "");
    }
    let mut indented = String::new();
    for n in 0..1000 {
        indented += &format!("{}a:\n", " ".repeat(n));
    }
    refused(indented, "within each other");
    let when = format!("{}true{}", "(".repeat(900), ")".repeat(900));
    refused(
        format!("input: in\nstages:\n  - segment: {{when: '{when}'}}\n"),
        "`when` of stage `segment`",
    );
}

#[test]
fn mistakes_have_an_end() {
    refused("output: a\n".repeat(20_000), "`output` is given twice");
    let unknown: String = (0..10_000).map(|n| format!("key{n}: 1\n")).collect();
    refused(unknown, "a pipeline has no `key0`");
    let options: String = (0..10_000).map(|n| format!("      key{n}: 1\n")).collect();
    refused(format!("input: in\nstages:\n  - segment:\n{options}"), "unknown option `key0`");
    refused(
        format!("input: in\nstages: [{}]\n", "segmnt, ".repeat(20_000)),
        "did you mean `segment`?",
    );
    refused(format!("input: [{}]\nstages: [segment]\n", "x, ".repeat(20_000)), "");
}

#[test]
fn what_is_no_pipeline_is_told() {
    let mut state = 7;
    refused(random_bytes(&mut state, 10_000), "is not UTF-8");
    refused(vec![0; 10_000], "not valid YAML");
    refused(b"\x7FELF\x02\x01\x01\0\0\0", "");
    refused("\u{feff}", "the pipeline has no `stages`");
    refused("", "the pipeline has no `stages`");
    refused(" \n".repeat(1000), "the pipeline has no `stages`");
    refused("input: in\nstages: [decode", "not valid YAML");
    refused("%YAML 9.9\n---\nstages: []\n", "");
    refused("a".repeat(1 << 20), "a pipeline is a mapping");
}

#[test]
fn a_large_file_is_not_read_as_a_pipeline() {
    let mill = Mill::new("");
    std::fs::File::create(mill.path("pipeline.yaml")).unwrap().set_len(100 << 20).unwrap();
    let ran = mill.run(&["check"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("`pipeline.yaml` is larger than any pipeline"), "{ran:?}");
    assert!(ran.peak_bytes < 100 << 20, "{} MiB", ran.peak_bytes >> 20);
    // One that never ends, too.
    let ran = mill.run(&["check", "/dev/zero"]);
    assert!(ran.stderr.contains("`/dev/zero` is larger than any pipeline"), "{ran:?}");
    let ran = mill.run(&["check", "/proc/self/mem"]);
    assert!(ran.stderr.contains("`/proc/self/mem` can't be read"), "{ran:?}");
}

#[test]
fn too_little_memory_is_told_with_the_least() {
    let mill = Mill::new("input: in\noutput: out\nmemory: 1MiB\nstages: [segment]\n");
    mill.write("in/a.jsonl", "{\"text\":\"好\"}\n");
    let ran = mill.run(&["run"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("`1MiB` is too little; the least is 16MiB"), "{ran:?}");
    assert!(ran.stderr.contains("pipeline.yaml:3:9"), "{ran:?}");
    mill.write("pipeline.yaml", "input: in\noutput: out\nstages: [segment]\n");
    for memory in ["0", "-1", "1e30", "99999999999999999999", "NaN", "16 parsecs"] {
        let ran = mill.run(&["run", "--memory", memory]);
        assert_eq!(ran.code, Some(2), "{memory}: {ran:?}");
    }
    // More than there is costs nothing until it is used.
    assert_eq!(mill.run(&["run", "--memory", "100TiB"]).code, Some(0));
    assert_eq!(mill.run(&["run", "--memory", "16MiB", "--threads", "100"]).code, Some(0));
}
