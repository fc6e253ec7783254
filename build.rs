//! Compiles the dictionaries of `data/` into tables that the program maps rather than reads.
//!
//! What compiles a dictionary is a module of the stage that uses it, and is found here under the
//! path that it has in the program.

#[cfg(feature = "stages")]
#[allow(dead_code, reason = "the program uses more of them")]
mod stages {
    pub mod convert {
        pub mod compile;
        pub mod layout;
    }
    pub mod keywords {
        pub mod key;
        pub mod idf {
            pub mod compile;
            pub mod slot;
        }
    }
    pub mod segment {
        pub mod kernel {
            pub mod code;
            pub mod compile;
            pub mod model;
            pub mod node;
        }
    }
    pub mod tables {
        pub mod double_array;
    }
}

fn main() {
    // Nothing but the dictionaries matters; they are named where they are read.
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "stages")]
    let tables = tables::compile();
    #[cfg(not(feature = "stages"))]
    let tables = 0;
    // Tells programs with other tables apart.
    println!("cargo::rustc-env=HANMILL_TABLES={tables:016x}");
}

#[cfg(feature = "stages")]
mod tables {
    use std::env;
    use std::fs;
    use std::hash::{DefaultHasher, Hasher};
    use std::io::Read;
    use std::path::Path;
    use std::sync::{LazyLock, Mutex};

    use flate2::read::GzDecoder;

    use crate::stages::convert;
    use crate::stages::keywords::idf;
    use crate::stages::segment::kernel;

    /// A hash of all that is compiled.
    static HASH: LazyLock<Mutex<DefaultHasher>> = LazyLock::new(Mutex::default);

    /// Compiles every dictionary; returns a hash of all tables.
    pub fn compile() -> u64 {
        write_idf();
        write_convert();
        write_segment();
        HASH.lock().expect("nothing else holds it").finish()
    }

    fn write_segment() {
        let tables = kernel::compile::compile(
            &unpacked("data/jieba/dict.txt.gz"),
            &unpacked("data/jieba/hmm_words.txt.gz"),
            &unpacked("data/jieba/hmm_tags.txt.gz"),
        );
        write_numbers("segment_codes", &tables.codes);
        write_numbers("segment_first", &tables.first);
        write_numbers("segment_nodes", &tables.nodes);
        write_numbers("segment_frequencies", &tables.frequencies);
        write_numbers("segment_emissions", &tables.emissions);
        write_numbers("segment_total", &[tables.total]);
        write_numbers("segment_model", &tables.model);
        write_numbers("segment_tags", &tables.tags);
        let tags = tables.tag_model;
        write_numbers("segment_tag_positions", &tags.positions);
        write_numbers("segment_tag_tags", &tags.tags);
        write_numbers("segment_tag_start", &tags.start);
        write_numbers("segment_tag_next_sets", &tags.next_sets);
        write_numbers("segment_tag_next_offsets", &tags.next_offsets);
        write_numbers("segment_tag_next_states", &tags.next_states);
        write_numbers("segment_tag_next", &tags.next);
        write_numbers("segment_tag_offsets", &tags.offsets);
        write_numbers("segment_tag_states", &tags.states);
        write_numbers("segment_tag_emissions", &tags.emissions);
        write_file("segment_tag_names", tables.tag_names.as_bytes());
    }

    fn write_idf() {
        let tables = idf::compile::compile(&unpacked("data/jieba/idf_by_value.txt.gz"));
        write_numbers("idf_slots", &tables.slots);
        write_numbers("idf_values", &tables.values);
    }

    fn write_convert() {
        let configs = text("data/opencc/configs.txt");
        let tables =
            convert::compile::compile(&unpacked("data/opencc/dictionaries.txt.gz"), &configs);
        write_numbers("convert_codes", &tables.codes);
        write_numbers("convert_other_codes", &tables.other_codes);
        write_numbers("convert_usual", &tables.usual);
        write_numbers("convert_slots", &tables.slots);
        write_numbers("convert_filters", &tables.filters);
        write_numbers("convert_values", &tables.values);
        write_file("convert_value_bytes", &tables.value_bytes);
        write_file("convert_scripts", &tables.scripts);
        write_numbers("convert_rows", &tables.rows);
        write_numbers("convert_row_of_config", &tables.row_of_config);
    }

    /// Returns the text of a file, which the build then depends on.
    fn text(path: &str) -> String {
        println!("cargo::rerun-if-changed={path}");
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Returns the text of a packed file, which the build then depends on.
    fn unpacked(path: &str) -> String {
        println!("cargo::rerun-if-changed={path}");
        let packed = fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut text = String::new();
        GzDecoder::new(&*packed)
            .read_to_string(&mut text)
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        text
    }

    /// A number that is written as the target has it in memory.
    trait Number: Copy {
        fn bytes(self, is_big: bool) -> Vec<u8>;
    }

    macro_rules! numbers {
        ($($type:ty)*) => {$(
            impl Number for $type {
                fn bytes(self, is_big: bool) -> Vec<u8> {
                    if is_big { self.to_be_bytes().to_vec() } else { self.to_le_bytes().to_vec() }
                }
            }
        )*};
    }
    numbers!(u8 u16 u32 u64 f64);

    fn write_numbers(name: &str, numbers: &[impl Number]) {
        let is_big = env::var("CARGO_CFG_TARGET_ENDIAN").is_ok_and(|endian| endian == "big");
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.bytes(is_big)).collect();
        write_file(name, &bytes);
    }

    fn write_file(name: &str, bytes: &[u8]) {
        let folder = env::var_os("OUT_DIR").expect("cargo names a folder");
        HASH.lock().expect("nothing else holds it").write(bytes);
        fs::write(Path::new(&folder).join(name), bytes)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
