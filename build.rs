//! Compiles the dictionaries of `data/` into tables that the program maps rather than reads.
//!
//! What compiles a dictionary is a module of the stage that uses it, and is found here under the
//! path that it has in the program.

#[cfg(feature = "stages")]
#[allow(dead_code, reason = "the program uses more of them")]
mod stages {
    pub mod keywords {
        pub mod key;
        pub mod idf {
            pub mod compile;
            pub mod slot;
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
    tables::write();
}

#[cfg(feature = "stages")]
mod tables {
    use std::env;
    use std::fs;
    use std::io::Read;
    use std::path::Path;

    use flate2::read::GzDecoder;

    use crate::stages::keywords::idf;

    /// Compiles every dictionary.
    pub fn write() {
        let tables = idf::compile::compile(&unpacked("data/jieba/idf_by_value.txt.gz"));
        write_u64s("idf_slots", &tables.slots);
        write_u64s("idf_values", &tables.values);
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

    fn write_u64s(name: &str, numbers: &[u64]) {
        let is_big = env::var("CARGO_CFG_TARGET_ENDIAN").is_ok_and(|endian| endian == "big");
        let bytes = numbers
            .iter()
            .flat_map(|number| if is_big { number.to_be_bytes() } else { number.to_le_bytes() });
        let folder = env::var_os("OUT_DIR").expect("cargo names a folder");
        fs::write(Path::new(&folder).join(name), bytes.collect::<Vec<u8>>())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
