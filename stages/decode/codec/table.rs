//! Reads the packed tables of `data/encodings`.

use std::io::Read;

use flate2::read::GzDecoder;

/// Returns the text of a packed table.
pub fn unpack(packed: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(packed).read_to_string(&mut text).expect("the table was packed whole");
    text
}

/// Iterates over the lines of a table: `N` numbers in `radix`, and the characters behind them.
pub fn rows<const N: usize>(table: &str, radix: u32) -> impl Iterator<Item = ([usize; N], &str)> {
    table.split_terminator('\n').map(move |line| {
        let mut numbers = [0; N];
        let mut chars = line;
        for number in &mut numbers {
            let (digits, rest) = chars.split_once(' ').expect("a line begins with its numbers");
            *number = usize::from_str_radix(digits, radix).expect("numbers are of the radix");
            chars = rest;
        }
        (numbers, chars)
    })
}
