//! Above or below, and not to and fro: a state that takes several looks in a row to change.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

/// See the module.
#[derive(Debug)]
pub(super) struct Watermark {
    is_up: bool,
    /// Looks in a row that speak for the other state.
    against: u32,
    /// How many of them it takes on the way up, and on the way down.
    needed: (u32, u32),
}

/// A change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Up,
    Down,
}

// === impl Watermark ===

impl Watermark {
    pub(super) fn new(needed: (u32, u32)) -> Self {
        Self {
            is_up: false,
            against: 0,
            needed,
        }
    }

    /// One look: whether it is above the mark, and whether it is far enough below it. Between the two nothing changes.
    pub(super) fn look(&mut self, is_above: bool, is_below: bool) -> Option<Turn> {
        let (speaks_against, needed, turn) = match self.is_up {
            false => (is_above, self.needed.0, Turn::Up),
            true => (is_below, self.needed.1, Turn::Down),
        };
        if !speaks_against {
            self.against = 0;
            return None;
        }
        self.against += 1;
        if self.against < needed {
            return None;
        }
        self.against = 0;
        self.is_up = turn == Turn::Up;
        Some(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_looks_in_a_row_count() {
        let mut mark = Watermark::new((3, 2));
        let mut look = |above, below| mark.look(above, below);
        for _ in 0..2 {
            assert_eq!(look(true, false), None);
            assert_eq!(look(true, false), None);
            assert_eq!(look(false, false), None);
        }
        assert_eq!(look(true, false), None);
        assert_eq!(look(true, false), None);
        assert_eq!(look(true, false), Some(Turn::Up));
        assert_eq!(look(true, false), None, "told once");
        assert_eq!(look(false, true), None);
        assert_eq!(look(false, false), None);
        assert_eq!(look(false, true), None);
        assert_eq!(look(false, true), Some(Turn::Down));
    }
}
