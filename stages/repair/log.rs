//! One log of all that was mended, though it was mended in two goes.
//!
//! The second go works on the text that the first has made. Its repairs are told in terms of the
//! text as it came in, and where both worked on the same spot, the two are told as one: so the log
//! can be walked from one end to the other, and undone.

use hanmill::document::{Edits, GuessedByte, Repair};

use super::offset;

/// Returns what `repairs` make of `text`. Those that change nothing may stand anywhere.
pub fn apply(text: &str, repairs: &[Repair]) -> String {
    let mut mended = String::with_capacity(text.len());
    let mut kept_to = 0;
    for repair in repairs.iter().filter(|repair| is_change(repair)) {
        mended.push_str(&text[kept_to..repair.start as usize]);
        mended.push_str(&repair.after);
        kept_to = repair.end as usize;
    }
    mended.push_str(&text[kept_to..]);
    mended
}

/// Returns the edits that `repairs` are.
pub fn edits(repairs: &[Repair]) -> Edits {
    let mut edits = Edits::default();
    for repair in repairs.iter().filter(|repair| is_change(repair)) {
        edits.push(repair.start as usize..repair.end as usize, repair.after.len());
    }
    edits
}

/// Rounds a score to hundredths: the last digits differ from one machine to the next.
pub fn in_hundredths(score: f32) -> f32 {
    (score * 100.0).round() / 100.0
}

fn is_change(repair: &Repair) -> bool {
    repair.before != repair.after
}

/// Joins repairs of `text` and repairs of what the first have made of it, both in order.
///
/// The result is in the order of `text`, without overlap. What only flags a spot that was mended
/// as well is left out.
pub fn join(text: &str, first: Vec<Repair>, second: Vec<Repair>) -> Vec<Repair> {
    if first.is_empty() {
        return second;
    }
    let (first, mut flags): (Vec<_>, Vec<_>) = first.into_iter().partition(is_change);
    let (second, later_flags): (Vec<_>, Vec<_>) = second.into_iter().partition(is_change);
    let between = apply(text, &first);
    let mut joined = Vec::with_capacity(first.len() + second.len() + flags.len());
    let mut shift = Shift::default();
    let mut first = first.into_iter().peekable();
    let mut second = second.into_iter().peekable();
    loop {
        // Each group is a spot that repairs of either go overlap on.
        let next_start = [
            first.peek().map(|repair| shift.after(repair.start)),
            second.peek().map(|repair| i64::from(repair.start)),
        ];
        let Some(start) = next_start.into_iter().flatten().min() else { break };
        let mut group = Group::starting_at(start, shift);
        loop {
            if let Some(repair) = first.next_if(|one| group.holds(shift.after(one.start))) {
                let start = shift.after(repair.start);
                group.end = group.end.max(start + repair.after.len() as i64);
                shift.add(&repair);
                group.first.push((start, repair));
            } else if let Some(repair) = second.next_if(|one| group.holds(one.start.into())) {
                group.end = group.end.max(repair.end.into());
                group.second.push(repair);
            } else {
                break;
            }
        }
        joined.push(group.into_repair(text, &between, shift));
    }
    flags.extend(flags_of_first(text, later_flags, &joined));
    joined.extend(flags);
    joined.sort_by_key(|repair| (repair.start, repair.end));
    without_overlap(joined)
}

/// How much longer the text between the two goes is than the first text, up to some place.
#[derive(Debug, Clone, Copy, Default)]
struct Shift(i64);

impl Shift {
    fn after(self, at: u32) -> i64 {
        i64::from(at) + self.0
    }

    fn add(&mut self, repair: &Repair) {
        self.0 += repair.after.len() as i64 - repair.before.len() as i64;
    }
}

/// Repairs of both goes that overlap. Places are those of the text between the goes.
struct Group {
    start: i64,
    end: i64,
    shift_ahead: Shift,
    first: Vec<(i64, Repair)>,
    second: Vec<Repair>,
}

impl Group {
    fn starting_at(start: i64, shift_ahead: Shift) -> Self {
        Self { start, end: start, shift_ahead, first: Vec::new(), second: Vec::new() }
    }

    fn holds(&self, start: i64) -> bool {
        start < self.end || (self.first.is_empty() && self.second.is_empty())
    }

    fn into_repair(mut self, text: &str, between: &str, shift_behind: Shift) -> Repair {
        let start = (self.start - self.shift_ahead.0) as usize;
        let end = (self.end - shift_behind.0) as usize;
        if self.second.is_empty() && self.first.len() == 1 {
            return self.first.remove(0).1;
        }
        if self.first.is_empty() && self.second.len() == 1 {
            return Repair { start: offset(start), end: offset(end), ..self.second.remove(0) };
        }
        let spot = self.start as usize;
        let local = |at: u32| offset(at as usize - spot);
        for repair in &mut self.second {
            (repair.start, repair.end) = (local(repair.start), local(repair.end));
        }
        let after = apply(&between[spot..self.end as usize], &self.second);
        let moved = edits(&self.second);
        let mut guessed = Vec::new();
        for (at, repair) in &self.first {
            let in_spot = (*at - self.start) as u32;
            // What a guess made and the second go replaced is no part of the text.
            guessed.extend(repair.guessed.iter().filter_map(|one| {
                let offset = moved_to(&moved, in_spot + one.offset)?;
                Some(GuessedByte { offset, byte: one.byte })
            }));
        }
        for (edit, repair) in moved.iter().zip(&self.second) {
            guessed.extend(
                repair.guessed.iter().map(|one| GuessedByte {
                    offset: edit.after.start + one.offset,
                    byte: one.byte,
                }),
            );
        }
        guessed.sort_by_key(|one| one.offset);
        let all = || self.first.iter().map(|(_, repair)| repair).chain(&self.second);
        let head = all().find(|repair| !repair.guessed.is_empty()).or_else(|| all().next());
        Repair {
            kind: head.map_or("", |repair| repair.kind),
            start: offset(start),
            end: offset(end),
            before: text[start..end].to_owned(),
            after,
            score: in_hundredths(all().map(|repair| repair.score).sum()),
            guessed,
            detail: detail(&self.second, self.first.iter().map(|(_, repair)| repair)),
        }
    }
}

/// Returns how the damage came about: what was undone last came first.
fn detail<'r>(second: &'r [Repair], first: impl Iterator<Item = &'r Repair>) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for repair in second.iter().chain(first) {
        if !repair.detail.is_empty() && !parts.contains(&&*repair.detail) {
            parts.push(&repair.detail);
        }
    }
    parts.join(", then ")
}

/// Returns where the byte `at` is once `edits` are made, unless one of them replaced it.
fn moved_to(edits: &Edits, at: u32) -> Option<u32> {
    let edits = edits.iter().as_slice();
    let n_ahead = edits.partition_point(|edit| edit.before.start <= at);
    match n_ahead.checked_sub(1).map(|last| &edits[last]) {
        Some(edit) if at < edit.before.end => None,
        Some(edit) => Some(edit.after.end + (at - edit.before.end)),
        None => Some(at),
    }
}

/// Returns the flags of the second go as those of the first text, where nothing was changed.
///
/// Both `flags` and `changes` are in order.
fn flags_of_first(text: &str, flags: Vec<Repair>, changes: &[Repair]) -> Vec<Repair> {
    let mut shift = Shift::default();
    let mut changes = changes.iter().peekable();
    let mut mapped = Vec::with_capacity(flags.len());
    for flag in flags {
        while let Some(change) =
            changes.next_if(|change| shift.after(change.start) < i64::from(flag.end))
        {
            shift.add(change);
        }
        let Ok(start) = usize::try_from(i64::from(flag.start) - shift.0) else { continue };
        let end = start + flag.before.len();
        if text.get(start..end) == Some(&*flag.before) {
            mapped.push(Repair { start: offset(start), end: offset(end), ..flag });
        }
    }
    mapped
}

fn without_overlap(repairs: Vec<Repair>) -> Vec<Repair> {
    let mut changed_to = 0;
    let ends: Vec<u32> = repairs
        .iter()
        .map(|repair| {
            if is_change(repair) {
                changed_to = repair.end;
            }
            changed_to
        })
        .collect();
    let starts: Vec<u32> = repairs.iter().map(|repair| repair.start).collect();
    let n = repairs.len();
    let mut kept = Vec::with_capacity(n);
    for (at, repair) in repairs.into_iter().enumerate() {
        let begins_within = at > 0 && repair.start < ends[at - 1];
        let ends_within = at + 1 < n && starts[at + 1] < repair.end;
        if is_change(&repair) || !(begins_within || ends_within) {
            kept.push(repair);
        }
    }
    kept
}
