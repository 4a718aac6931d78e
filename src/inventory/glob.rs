//! Wildcards in names, as a shell has them.

/// Whether a name fits a pattern of `*`, `?` and `[…]`. Takes time in proportion to the product of their lengths.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let pattern: Vec<Part> = parts(pattern);
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(Part::Any) => {
                star = Some((p, n));
                p += 1;
            }
            Some(part) if part.fits(name[n]) => {
                p += 1;
                n += 1;
            }
            // Let the last star take one character more.
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    n = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|part| matches!(part, Part::Any))
}

enum Part {
    Any,
    One,
    Letter(char),
    Class { inverted: bool, ranges: Vec<(char, char)> },
}

impl Part {
    fn fits(&self, c: char) -> bool {
        match self {
            Part::Any | Part::One => true,
            Part::Letter(letter) => *letter == c,
            Part::Class { inverted, ranges } => ranges.iter().any(|&(from, to)| from <= c && c <= to) != *inverted,
        }
    }
}

fn parts(pattern: &str) -> Vec<Part> {
    let letters: Vec<char> = pattern.chars().collect();
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(&letter) = letters.get(at) {
        at += 1;
        match letter {
            '*' => parts.push(Part::Any),
            '?' => parts.push(Part::One),
            '[' => match letters[at..].iter().position(|&c| c == ']').filter(|&length| length > 0) {
                Some(length) => {
                    parts.push(class(&letters[at..at + length]));
                    at += length + 1;
                }
                None => parts.push(Part::Letter('[')),
            },
            other => parts.push(Part::Letter(other)),
        }
    }
    parts
}

fn class(inside: &[char]) -> Part {
    let inverted = inside.first() == Some(&'!');
    let mut letters = &inside[usize::from(inverted)..];
    let mut ranges = Vec::new();
    while let [first, rest @ ..] = letters {
        if let ['-', last, rest @ ..] = rest {
            ranges.push((*first, *last));
            letters = rest;
        } else {
            ranges.push((*first, *first));
            letters = rest;
        }
    }
    Part::Class { inverted, ranges }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_fit_as_in_a_shell() {
        let check = |pattern: &str, name: &str, expected| assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        check("*", "web01", true);
        check("web*", "web01", true);
        check("w*1", "web01", true);
        check("w*2", "web01", false);
        check("web0?", "web01", true);
        check("web0[1-3]", "web02", true);
        check("web0[!1-3]", "web02", false);
        check("web[", "web[", true);
        check("*.example.com", "a.example.com", true);
        check(&"*a".repeat(60), &"a".repeat(10_000), true);
        check(&"*b".repeat(60), &"a".repeat(10_000), false);
    }
}
