//! Dates as people and programs write them, to the month.

use serde_json::Value;

/// A month as `year * 100 + month`; month 0 where only the year is known.
pub(super) type Month = u32;

/// Returns the month of a field: `2024-03-01…`, `2024/3/1`, `2024年3月`, `20240301`, `2024`, or seconds
/// or milliseconds since 1970.
pub(super) fn month_of(value: &Value) -> Option<Month> {
    match value {
        Value::String(text) => of_text(text.trim()),
        Value::Number(number) => {
            let number = number.as_i64().or_else(|| number.as_f64().map(|number| number as i64))?;
            match number {
                1000..=9999 => u32::try_from(number * 100).ok(),
                100_000..=999_912 => of_text(&number.to_string()),
                10_000_000..=99_991_231 => of_text(&number.to_string()),
                100_000_000..=99_999_999_999 => of_seconds(number),
                100_000_000_000.. => of_seconds(number / 1000),
                _ => None,
            }
        }
        _ => None,
    }
}

fn of_text(text: &str) -> Option<Month> {
    let digits = |text: &str, most: usize| {
        let n = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
        text[..n].parse::<u32>().ok().map(|number| (number, n))
    };
    let (year, n) = digits(text, 4)?;
    if n != 4 || year == 0 {
        return None;
    }
    let rest = text[n..].trim_start_matches(['-', '/', '.', '年', ' ']);
    let is_packed = rest.len() == text.len() - n && !rest.is_empty();
    match digits(rest, 2) {
        Some((month @ 1..=12, n)) if !is_packed || n == 2 => Some(year * 100 + month),
        // `2024-13-40` is no date at all.
        Some(_) => None,
        None if is_packed => None,
        None => Some(year * 100),
    }
}

/// Turns days since 1970 into a year and a month, by the rules of the Gregorian calendar.
///
/// Source: H. Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
fn of_seconds(seconds: i64) -> Option<Month> {
    let days = seconds.div_euclid(86_400) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    u32::try_from(year * 100 + month).ok()
}

/// Writes a month as `2024-03`, or a year as `2024`.
pub(super) fn written(month: Month) -> String {
    match month % 100 {
        0 => format!("{:04}", month / 100),
        within => format!("{:04}-{within:02}", month / 100),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dates_are_read_as_people_write_them() {
        let check = |value: Value, expected: Option<Month>| {
            assert_eq!(month_of(&value), expected, "{value}");
        };
        check(json!("2024-03-01T08:00:00+08:00"), Some(202_403));
        check(json!("2024/3/1"), Some(202_403));
        check(json!("2024年12月5日"), Some(202_412));
        check(json!("20240301"), Some(202_403));
        check(json!("1949"), Some(194_900));
        check(json!("1949 年"), Some(194_900));
        check(json!(2024), Some(202_400));
        check(json!(20_240_301), Some(202_403));
        check(json!(1_709_251_200), Some(202_403));
        check(json!(1_709_251_199_000_i64), Some(202_402));
        check(json!("03/01/2024"), None);
        check(json!("20249999"), None);
        check(json!("2024-13-40"), None);
        check(json!(null), None);
        check(json!(7), None);
    }
}
