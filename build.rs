//! Compiles the dictionaries of `data/` into tables that the program maps rather than reads.
//!
//! What compiles a dictionary is a module of the stage that uses it, and is found here under the
//! path that it has in the program.

#[cfg(feature = "stages")]
mod stages {
    pub mod tables {
        pub mod double_array;
    }
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
