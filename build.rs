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
    pub mod tables {
        pub mod double_array;
    }
}

fn main() {
    // Nothing but the dictionaries matters; they are named where they are read.
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "stages")]
    tables::compile();
}

#[cfg(feature = "stages")]
mod tables {
    use std::env;
    use std::fs;
    use std::io::Read;
    use std::path::Path;

    use flate2::read::GzDecoder;

    use crate::stages::convert;
    use crate::stages::keywords::idf;

    /// Compiles every dictionary.
    pub fn compile() {
        let tables = idf::compile::compile(&unpacked("data/jieba/idf_by_value.txt.gz"));
        write_u64s("idf_slots", &tables.slots);
        write_u64s("idf_values", &tables.values);

        let configs = text("data/opencc/configs.txt");
        let tables =
            convert::compile::compile(&unpacked("data/opencc/dictionaries.txt.gz"), &configs);
        write("convert_codes", &tables.codes, u16::to_be_bytes, u16::to_le_bytes);
        write_u32s("convert_other_codes", &tables.other_codes);
        write_u32s("convert_usual", &tables.usual);
        write_u64s("convert_slots", &tables.slots);
        write_u64s("convert_filters", &tables.filters);
        write_u32s("convert_values", &tables.values);
        write_bytes("convert_value_bytes", &tables.value_bytes);
        write_bytes("convert_scripts", &tables.scripts);
        write_u32s("convert_rows", &tables.rows);
        write_u32s("convert_row_of_config", &tables.row_of_config);
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

    fn write_u64s(name: &str, numbers: &[u64]) {
        write(name, numbers, u64::to_be_bytes, u64::to_le_bytes);
    }

    fn write_u32s(name: &str, numbers: &[u32]) {
        write(name, numbers, u32::to_be_bytes, u32::to_le_bytes);
    }

    /// Writes numbers in the byte order of the machine that the program is for.
    fn write<T: Copy, const N: usize>(
        name: &str,
        numbers: &[T],
        to_big: fn(T) -> [u8; N],
        to_little: fn(T) -> [u8; N],
    ) {
        let is_big = env::var("CARGO_CFG_TARGET_ENDIAN").is_ok_and(|endian| endian == "big");
        let to_bytes = if is_big { to_big } else { to_little };
        let bytes: Vec<u8> = numbers.iter().flat_map(|&number| to_bytes(number)).collect();
        write_bytes(name, &bytes);
    }

    fn write_bytes(name: &str, bytes: &[u8]) {
        let folder = env::var_os("OUT_DIR").expect("cargo names a folder");
        fs::write(Path::new(&folder).join(name), bytes)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
