//! Lines and messages put together from bytes that arrive in pieces of any size.

/// The longest line from a host that is waited for.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Messages put together from the lines to an agent.
#[derive(Debug, Default)]
pub struct Messages {
    pieces: Vec<u8>,
}

impl Messages {
    /// Takes a line without its end; gives the message that is whole with it.
    pub fn line(&mut self, line: Vec<u8>) -> Option<Vec<u8>> {
        match line.first() {
            Some(b'+') => {
                self.pieces.extend_from_slice(&line[1..]);
                None
            }
            Some(b'=') => {
                self.pieces.extend_from_slice(&line[1..]);
                Some(std::mem::take(&mut self.pieces))
            }
            _ => Some(line),
        }
    }
}

/// Lines put together from output that arrives in pieces of any size.
#[derive(Debug, Default)]
pub struct Lines {
    pending: Vec<u8>,
    searched: usize,
}

impl Lines {
    /// Takes the next piece of output.
    pub fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// The next whole line without its end; `None` until there is one.
    pub fn next_line(&mut self) -> Option<Vec<u8>> {
        let Some(at) = self.pending[self.searched..].iter().position(|byte| *byte == b'\n') else {
            self.searched = self.pending.len();
            return None;
        };
        let rest = self.pending.split_off(self.searched + at + 1);
        let mut line = std::mem::replace(&mut self.pending, rest);
        self.searched = 0;
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Some(line)
    }

    /// Whether more has piled up without a line's end than any answer has.
    pub fn is_flooded(&self) -> bool {
        self.pending.len() > MAX_ANSWER_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_split_of_output_gives_the_same_lines(
            lines in proptest::collection::vec("[ -~]{0,20}", 0..6),
            cuts in proptest::collection::vec(0usize..120, 0..8),
        ) {
            let whole: Vec<u8> = lines.iter().flat_map(|line| format!("{line}\r\n").into_bytes()).collect();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(whole.len())).collect();
            cuts.extend([0, whole.len()]);
            cuts.sort_unstable();
            let mut seen = Vec::new();
            let mut reader = Lines::default();
            for pair in cuts.windows(2) {
                reader.push(&whole[pair[0]..pair[1]]);
                seen.extend(std::iter::from_fn(|| reader.next_line()).map(|line| String::from_utf8(line).unwrap()));
            }
            prop_assert_eq!(seen, lines);
        }
    }
}
