//! Whatever the format, stretches that tile the input give the documents that all of it gives.

use proptest::prelude::*;

use super::packing::tests::{ALL, pack};
use super::*;

/// All that shows of a document, or what is wrong with it.
fn shown(job: Job) -> String {
    let (place, source) = (job.place, job.source.clone());
    let loaded = match job.load() {
        Ok(doc) => format!("{:?} {:?} {:?} {:?}", doc.id, doc.source, doc.text(), doc.raw),
        Err(error) => format!("{error}"),
    };
    format!("{place:?} {source:?} {loaded}")
}

fn read(files: &[InputFile], stretch: Stretch, max_bytes: u64) -> Vec<String> {
    jobs(files, stretch, max_bytes).map(shown).collect()
}

fn file(name: &str, bytes: impl Into<Arc<[u8]>>, input: &Input) -> InputFile {
    InputFile::of_bytes(name, bytes, input)
}

/// A file of each format, with what is hard in it.
fn corpus() -> Vec<InputFile> {
    let small = Input { split: Split::Above(1024), ..Input::default() };
    let plain = Input::default();
    let lines =
        "{\"text\":\"一\"}\n\n{\"text\":\n{\"id\":7,\"text\":\"二\\n\"}\r\n   \n{\"text\":\"三\"}";
    let rows = "id,text\n1,一\n2,\"二\n行\"\n3,多,多\n\n,四\n5,\"开\n6,末\n";
    let prose: String =
        (0..300).map(|n| format!("第{n}段，讲的是粮食。\n{}", ["", "\n"][n % 2])).collect();
    let wide: Vec<u8> =
        [0xFEFF].into_iter().chain(prose.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let mut files = vec![
        file("a.jsonl", lines.as_bytes(), &plain),
        file("b.csv", rows.as_bytes(), &plain),
        file("empty.txt", b"".as_slice(), &plain),
        file("c.txt", prose.as_bytes(), &small),
        file("d.txt", wide, &small),
        file("e.txt", "短".as_bytes(), &small),
    ];
    #[cfg(feature = "parquet")]
    files.push(file(
        "f.parquet",
        parquet::tests::of_texts(&["一", "二", "三", "四", "五"], 2),
        &plain,
    ));
    let warc = super::warc::tests::archive();
    files.push(file("h.warc", warc.clone(), &plain));
    for packing in ALL {
        files.push(file(
            "a.jsonl.x",
            pack(packing, lines.as_bytes()),
            &Input { format: FormatName::Jsonl, ..plain.clone() },
        ));
        files.push(file(
            "b.csv.x",
            pack(packing, rows.as_bytes()),
            &Input { format: FormatName::Csv, ..plain.clone() },
        ));
        files.push(file("c.txt.x", pack(packing, prose.as_bytes()), &small));
        files.push(file("h.warc.x", pack(packing, &warc), &plain));
    }
    let mut damaged = pack(Packing::Gzip, prose.as_bytes());
    damaged.truncate(damaged.len() / 2);
    files.push(file("g.txt.gz", damaged, &small));
    files
}

fn tiled(files: &[InputFile], cuts: &[Place]) -> Vec<String> {
    let mut all = Vec::new();
    let mut from = Place::default();
    for until in cuts.iter().copied().map(Some).chain([None]) {
        all.extend(read(files, Stretch { from, until }, 4000));
        from = until.unwrap_or_default();
    }
    all
}

#[test]
fn places_increase() {
    let files = corpus();
    let places: Vec<Place> = jobs(&files, Stretch::default(), 4000).map(|job| job.place).collect();
    assert!(places.len() > 60);
    assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
}

#[test]
fn a_cut_at_each_document_changes_nothing() {
    let files = corpus();
    let whole = read(&files, Stretch::default(), 4000);
    let places: Vec<Place> = jobs(&files, Stretch::default(), 4000).map(|job| job.place).collect();
    for place in &places {
        assert_eq!(tiled(&files, &[*place]), whole, "{place:?}");
    }
    assert_eq!(tiled(&files, &places), whole);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn stretches_that_tile_the_input_give_all_of_it(
        mut cuts in prop::collection::vec((0u32..24, prop_oneof![0u64..200, 0u64..16000]), 0..6),
    ) {
        cuts.sort_unstable();
        let cuts: Vec<Place> =
            cuts.into_iter().map(|(file, offset)| Place { file, offset }).collect();
        let files = corpus();
        prop_assert_eq!(tiled(&files, &cuts), read(&files, Stretch::default(), 4000));
    }

    #[test]
    fn places_of_bytes_are_monotonic_and_tile(a in 0u64..60_000, b in 0u64..60_000) {
        let files = corpus();
        let (a, b) = (a.min(b), a.max(b));
        let cuts = [place_at(&files, a), place_at(&files, b)];
        prop_assert!(cuts[0] <= cuts[1]);
        prop_assert_eq!(tiled(&files, &cuts), read(&files, Stretch::default(), 4000));
    }

    /// No bytes make a reader panic, whatever they are said to be, and all places increase.
    #[test]
    fn any_bytes_are_read(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        which in 0usize..40,
        at in any::<prop::sample::Index>(),
        format in prop::sample::select(vec![
            FormatName::Auto, FormatName::Text, FormatName::Jsonl, FormatName::Csv,
            FormatName::Tsv, FormatName::Parquet, FormatName::Warc,
        ]),
    ) {
        let input = Input { format, split: Split::Above(1024), ..Input::default() };
        for bytes in [bytes.clone(), mutated(which, &bytes, at)] {
            let file = file("x", bytes, &input);
            let places: Vec<Place> = jobs(std::slice::from_ref(&file), Stretch::default(), 3000)
                .map(|job| {
                    let place = job.place;
                    if let Ok(doc) = job.load() {
                        let n = doc.text().len();
                        doc.provenance().source_bytes(0..n);
                    }
                    place
                })
                .collect();
            prop_assert!(places.is_sorted_by(|a, b| a < b), "{:?}", places);
        }
    }
}

/// A sound file with some of its bytes replaced.
fn mutated(which: usize, bytes: &[u8], at: prop::sample::Index) -> Vec<u8> {
    let files = corpus();
    let Location::Memory(sound) = &files[which % files.len()].location else { unreachable!() };
    let mut mutated = sound.to_vec();
    if !mutated.is_empty() {
        let at = at.index(mutated.len());
        for (to, from) in mutated[at..].iter_mut().zip(bytes.iter().take(8)) {
            *to = *from;
        }
    }
    mutated
}

#[test]
fn a_large_text_is_parts_whose_words_lead_back() {
    let prose: String = (0..400).map(|n| format!("第{n}段。\n\n")).collect();
    let utf16: Vec<u8> =
        [0xFEFF].into_iter().chain(prose.encode_utf16()).flat_map(u16::to_be_bytes).collect();
    let input = Input { split: Split::Above(1024), ..Input::default() };
    for bytes in [prose.as_bytes().to_vec(), utf16.clone()] {
        let docs = read_all("长篇.txt", bytes.clone(), &input, 1 << 20);
        assert!(docs.len() > 3);
        let mut joined = Vec::new();
        for (n, doc) in docs.iter().enumerate() {
            let doc = doc.as_ref().unwrap();
            assert_eq!(doc.id, format!("长篇.txt#{}", n + 1));
            let bom = if n > 0 && bytes == utf16 { 2 } else { 0 };
            let start = doc.source.byte_offset as usize;
            assert_eq!(
                doc.raw[bom..],
                bytes[start + bom..start + doc.raw.len()],
                "offsets are true"
            );
            assert!(doc.raw.len() <= 1024 + bom);
            joined.extend_from_slice(&doc.raw[bom..]);
        }
        assert_eq!(joined, bytes);
    }
}

#[test]
fn a_text_that_may_not_be_split_is_too_large() {
    let input = Input { split: Split::None, ..Input::default() };
    for bytes in [vec![b'a'; 5000], pack(Packing::Gzip, &[b'a'; 5000])] {
        let docs = read_all("a.txt", bytes, &input, 4000);
        assert_eq!(docs.len(), 1);
        assert!(docs[0].as_ref().is_err_and(|error| error.to_string().contains("too large")));
    }
}
