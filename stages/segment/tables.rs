//! jieba's dictionary and models, as `build.rs` compiled them.

use std::sync::LazyLock;

use hanmill::document::PosTag;

use super::kernel::tags::{Model, Tag, Tagger};
use super::kernel::{Kernel, Rules, Tables};
use crate::stages::tables::mapped;

mapped! { static CODES: [u16] = "segment_codes"; }
mapped! { static FIRST: [u64] = "segment_first"; }
mapped! { static NODES: [u64] = "segment_nodes"; }
mapped! { static FREQUENCIES: [u32] = "segment_frequencies"; }
mapped! { static EMISSIONS: [f64] = "segment_emissions"; }
mapped! { static TOTAL: [u64] = "segment_total"; }
mapped! { static MODEL: [f64] = "segment_model"; }
mapped! { static TAGS: [u8] = "segment_tags"; }
mapped! { static TAG_POSITIONS: [u8] = "segment_tag_positions"; }
mapped! { static TAG_TAGS: [u8] = "segment_tag_tags"; }
mapped! { static TAG_START: [f64] = "segment_tag_start"; }
mapped! { static TAG_NEXT_SETS: [u64] = "segment_tag_next_sets"; }
mapped! { static TAG_NEXT_OFFSETS: [u32] = "segment_tag_next_offsets"; }
mapped! { static TAG_NEXT_STATES: [u8] = "segment_tag_next_states"; }
mapped! { static TAG_NEXT: [f64] = "segment_tag_next"; }
mapped! { static TAG_OFFSETS: [u32] = "segment_tag_offsets"; }
mapped! { static TAG_STATES: [u16] = "segment_tag_states"; }
mapped! { static TAG_EMISSIONS: [f64] = "segment_tag_emissions"; }

/// Returns a kernel with jieba's dictionary; a copy of it is cheap until words are added.
pub fn kernel(rules: Rules) -> Kernel {
    let tables = Tables {
        codes: &CODES,
        first: &FIRST,
        nodes: &NODES,
        frequencies: &FREQUENCIES,
        emissions: &EMISSIONS,
        total: TOTAL[0],
        model: &MODEL,
    };
    Kernel::new(tables, rules)
}

/// The tags of jieba's dictionary and its model of tags.
pub static TAGGER: Tagger = Tagger {
    words: &TAGS,
    first: &FIRST,
    nodes: &NODES,
    model: Model {
        positions: &TAG_POSITIONS,
        tags: &TAG_TAGS,
        start: &TAG_START,
        next_sets: &TAG_NEXT_SETS,
        next_offsets: &TAG_NEXT_OFFSETS,
        next_states: &TAG_NEXT_STATES,
        next: &TAG_NEXT,
        offsets: &TAG_OFFSETS,
        states: &TAG_STATES,
        emissions: &TAG_EMISSIONS,
    },
};

/// Returns the part of speech with this number.
pub fn part_of_speech(tag: Tag) -> PosTag {
    static NAMES: LazyLock<Vec<PosTag>> = LazyLock::new(|| {
        let names = include_str!(concat!(env!("OUT_DIR"), "/segment_tag_names"));
        names.split(' ').map(|name| PosTag::new(name).unwrap_or_default()).collect()
    });
    NAMES.get(usize::from(tag)).copied().unwrap_or_default()
}
