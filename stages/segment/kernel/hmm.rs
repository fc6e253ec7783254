//! jieba's hidden Markov model: where words begin and end among characters that the dictionary
//! leaves single.
//!
//! Each character is in one of four states: B begins a word, M and E are its middle and its end, S
//! is a word by itself. Viterbi's algorithm finds the likeliest states; of two that are as likely
//! the one with the later letter wins, as in jieba. (A. Viterbi, "Error bounds for convolutional
//! codes and an asymptotically optimum decoding algorithm", IEEE Transactions on Information
//! Theory 13, 1967.)

/// States by number, in the order of their letters.
pub const B: usize = 0;
pub const E: usize = 1;
pub const M: usize = 2;
pub const S: usize = 3;

/// Log probabilities of a character in the states B, E, M, S.
pub type Emission = [f64; 4];

/// Log probabilities of the states at the start and after each other.
#[derive(Debug, Clone)]
pub struct Model {
    pub start: [f64; 4],
    pub next: [[f64; 4]; 4],
}

/// The likelier of two ways into a state; the second, from the later letter, on a tie.
#[inline(always)]
fn likelier(first: f64, second: f64) -> (f64, bool) {
    (if first > second { first } else { second }, second >= first)
}

impl Model {
    /// Tells whether two characters are one word.
    #[inline(always)]
    pub fn is_pair(&self, first: &Emission, second: &Emission) -> bool {
        let (start, next) = (&self.start, &self.next);
        let (end, _) = likelier(
            start[B] + first[B] + next[B][E] + second[E],
            start[M] + first[M] + next[M][E] + second[E],
        );
        let (single, _) = likelier(
            start[E] + first[E] + next[E][S] + second[S],
            start[S] + first[S] + next[S][S] + second[S],
        );
        end > single
    }

    /// Calls `word` with the start and the end of each word, in characters, in order.
    ///
    /// `back` is room for one byte a character.
    #[inline(always)]
    pub fn cut<'a>(
        &self,
        emissions: impl ExactSizeIterator<Item = &'a Emission>,
        back: &mut Vec<u8>,
        mut word: impl FnMut(usize, usize),
    ) {
        let n = emissions.len();
        // For each character and state, whether the second way in was the better one.
        back.clear();
        let mut emissions = emissions;
        let Some(emission) = emissions.next() else { return };
        let mut v: [f64; 4] = std::array::from_fn(|state| self.start[state] + emission[state]);
        back.push(0);
        let next = &self.next;
        for emission in emissions {
            let (b, b_from) =
                likelier(v[E] + next[E][B] + emission[B], v[S] + next[S][B] + emission[B]);
            let (e, e_from) =
                likelier(v[B] + next[B][E] + emission[E], v[M] + next[M][E] + emission[E]);
            let (m, m_from) =
                likelier(v[B] + next[B][M] + emission[M], v[M] + next[M][M] + emission[M]);
            let (s, s_from) =
                likelier(v[E] + next[E][S] + emission[S], v[S] + next[S][S] + emission[S]);
            v = [b, e, m, s];
            back.push(
                u8::from(b_from)
                    | u8::from(e_from) << E
                    | u8::from(m_from) << M
                    | u8::from(s_from) << S,
            );
        }
        let mut state = if v[E] > v[S] { E } else { S };
        for at in back.iter_mut().rev() {
            let is_second = *at >> state & 1 != 0;
            *at = state as u8;
            state = match (state, is_second) {
                (B | S, false) => E,
                (B | S, true) => S,
                (_, false) => B,
                (_, true) => M,
            };
        }
        let (mut begin, mut done) = (0, 0);
        for (at, &state) in back.iter().enumerate() {
            match usize::from(state) {
                B => begin = at,
                E => {
                    word(begin, at + 1);
                    done = at + 1;
                }
                S => {
                    word(at, at + 1);
                    done = at + 1;
                }
                _ => {}
            }
        }
        // The last state is E or S, so nothing is left over.
        debug_assert_eq!(done, n);
    }
}
