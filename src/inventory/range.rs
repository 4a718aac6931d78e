//! Ranges in names: `web[01:20]`, `rack-[a:c]`, `node[1:9:2]`.

/// The most names that one range, or an inventory, may give.
pub const MAX_NAMES: usize = 10_000;

/// The names that a name with ranges stands for; the name itself where it has none.
///
/// # Errors
/// What is wrong with a range.
pub fn expand(name: &str) -> Result<Vec<String>, String> {
    let Some((before, rest)) = name.split_once('[') else { return Ok(vec![name.to_owned()]) };
    let (inside, after) = rest.split_once(']').ok_or("a `[` without its `]`")?;
    let items = items(inside)?;
    let tails = expand(after)?;
    if items.len().saturating_mul(tails.len()) > MAX_NAMES {
        return Err(format!("a range of more than {MAX_NAMES} names"));
    }
    Ok(items.iter().flat_map(|item| tails.iter().map(move |tail| format!("{before}{item}{tail}"))).collect())
}

fn items(inside: &str) -> Result<Vec<String>, String> {
    let wrong = || format!("`[{inside}]` is no range; one is written `[01:20]`, `[a:c]` or `[1:9:2]`");
    let mut parts = inside.split(':');
    let (Some(first), Some(last), step, None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(wrong());
    };
    let step: usize = step.map_or(Ok(1), str::parse).map_err(|_| wrong())?;
    let digits = |text: &str| !text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit());
    if step == 0 {
        return Err(wrong());
    }
    if digits(first) && digits(last) {
        let (from, to): (u32, u32) = (first.parse().map_err(|_| wrong())?, last.parse().map_err(|_| wrong())?);
        // `[01:20]` writes every number with two digits; `[1:20]` does not.
        let width = if first.len() > 1 && first.starts_with('0') { first.len() } else { 1 };
        if width > 1 && last.len() != width {
            return Err(format!("the two ends of `[{inside}]` must have as many digits"));
        }
        return if from > to {
            Err(format!("`[{inside}]` ends before it starts"))
        } else if (to - from) as usize / step >= MAX_NAMES {
            Err(format!("a range of more than {MAX_NAMES} names"))
        } else {
            Ok((from..=to).step_by(step).map(|number| format!("{number:0width$}")).collect())
        };
    }
    match (first.as_bytes(), last.as_bytes()) {
        ([from], [to]) if from.is_ascii_alphabetic() && to.is_ascii_alphabetic() && from <= to => {
            Ok((*from..=*to).step_by(step).map(|letter| char::from(letter).to_string()).collect())
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_counted_as_they_are_written() {
        let check = |name: &str, expected: &[&str]| {
            let expected: Vec<String> = expected.iter().map(|&it| it.to_owned()).collect();
            assert_eq!(expand(name), Ok(expected));
        };
        check("web", &["web"]);
        check("web[08:10]", &["web08", "web09", "web10"]);
        check("web[8:10].x", &["web8.x", "web9.x", "web10.x"]);
        check("r[a:b]n[1:3:2]", &["ran1", "ran3", "rbn1", "rbn3"]);
        for wrong in [
            "w[",
            "w[]",
            "w[1]",
            "w[2:1]",
            "w[1:2:0]",
            "w[1:2:3:4]",
            "w[1:99999]",
            "w[01:100]",
            "w[a:3]",
            "w[0:99][0:999]",
        ] {
            assert!(expand(wrong).is_err(), "{wrong}");
        }
    }
}
