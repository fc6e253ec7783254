//! No stage: how dictionaries become tables when the program is built, and are mapped when it runs.
//!
//! `build.rs` compiles the dictionaries of `data/` and writes each table to a file. [`mapped`] makes
//! such a file a constant array: nothing is read or parsed at start-up, and the system fetches the
//! pages that are used.

// `build.rs` lays tables out, and finds the module by its path.
#[cfg(test)]
mod double_array;

/// Declares a constant array of integers that holds the file `$file`, written by `build.rs`.
macro_rules! mapped {
    ($(#[$attribute:meta])* $visibility:vis static $name:ident: [$type:ty] = $file:literal;) => {
        $(#[$attribute])*
        $visibility static $name: [$type;
            include_bytes!(concat!(env!("OUT_DIR"), "/", $file)).len() / size_of::<$type>()] =
            bytemuck::must_cast(*include_bytes!(concat!(env!("OUT_DIR"), "/", $file)));
    };
}
pub(super) use mapped;
