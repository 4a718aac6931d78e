//! A line that is typed on the terminal and not shown. However its reading ends, the terminal shows again what is typed.

use std::io;

use zeroize::Zeroizing;

use super::{Exit, Failure};

/// Asks on standard error, which must be a terminal as standard input is.
///
/// # Errors
/// When Ctrl-C ends it, which ends the command as interrupted; when the terminal fails.
pub fn hidden_line(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    let terminal = console::Term::stderr();
    let read = terminal.write_str(prompt).and_then(|()| {
        let read = read();
        // The key that ended the line was not shown either.
        terminal.write_line("").and(read)
    });
    read.map_err(|error| match error.kind() {
        io::ErrorKind::Interrupted => {
            Failure { exit: Exit::Interrupted.code(), ..Failure::input("interrupted: nothing was changed") }
        }
        _ => Failure::work(error),
    })
}

#[cfg(windows)]
fn read() -> io::Result<Zeroizing<String>> {
    console::Term::stderr().read_secure_line().map(Zeroizing::new)
}

#[cfg(unix)]
fn read() -> io::Result<Zeroizing<String>> {
    use rustix::io::{Errno, read};

    let input = io::stdin();
    let hidden = Hidden::begin(&input)?;
    let mut line = Line::default();
    loop {
        let mut key = Zeroizing::new([0]);
        let ended = match read(&input, key.as_mut_slice()) {
            Ok(0) => Some(Ended::Whole),
            Ok(_) => line.key(key[0]),
            Err(Errno::INTR) => None,
            Err(error) => return Err(error.into()),
        };
        match ended {
            None => {}
            Some(Ended::Interrupted) => return Err(io::ErrorKind::Interrupted.into()),
            Some(Ended::Whole) => break,
        }
    }
    drop(hidden);
    line.text()
}

/// A terminal that shows nothing and hands on each key, Ctrl-C among them: as a signal it would end the process with
/// the terminal left so.
#[cfg(unix)]
struct Hidden<'a> {
    input: &'a io::Stdin,
    before: rustix::termios::Termios,
}

#[cfg(unix)]
impl Hidden<'_> {
    fn begin(input: &io::Stdin) -> io::Result<Hidden<'_>> {
        use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};

        let before = tcgetattr(input)?;
        let mut modes = before.clone();
        modes.local_modes &= !(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(input, OptionalActions::Flush, &modes)?;
        Ok(Hidden { input, before })
    }
}

#[cfg(unix)]
impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        // A terminal that is gone has nothing left to show.
        let _ = tcsetattr(self.input, OptionalActions::Flush, &self.before);
    }
}

/// How a line ended.
#[cfg(unix)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Whole,
    Interrupted,
}

/// What is typed so far.
#[cfg(unix)]
#[derive(Default)]
struct Line(Zeroizing<Vec<u8>>);

#[cfg(unix)]
impl Line {
    /// Takes a key; how the line ended, if it did.
    fn key(&mut self, key: u8) -> Option<Ended> {
        const CTRL_C: u8 = 0x03;
        const CTRL_D: u8 = 0x04;
        const BACKSPACE: u8 = 0x08;
        const CTRL_U: u8 = 0x15;
        const CTRL_Z: u8 = 0x1a;
        const CTRL_BACKSLASH: u8 = 0x1c;
        const DELETE: u8 = 0x7f;
        match key {
            b'\r' | b'\n' | CTRL_D => return Some(Ended::Whole),
            CTRL_C | CTRL_BACKSLASH => return Some(Ended::Interrupted),
            BACKSPACE | DELETE => {
                // The last character, of which all bytes but the first are marked as such.
                while self.0.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            CTRL_U => self.0.clear(),
            CTRL_Z => {}
            other => self.0.push(other),
        }
        None
    }

    fn text(self) -> io::Result<Zeroizing<String>> {
        let text = str::from_utf8(&self.0).map_err(|_| io::Error::other("what was typed is no text in UTF-8"))?;
        Ok(Zeroizing::new(text.to_owned()))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn keys_make_a_line() {
        let check = |keys: &str, expected: Result<&str, Ended>| {
            let mut line = Line::default();
            let ended = keys.bytes().find_map(|key| line.key(key));
            match expected {
                Ok(text) => assert_eq!((ended, line.text().unwrap().as_str()), (Some(Ended::Whole), text), "{keys:?}"),
                Err(how) => assert_eq!(ended, Some(how), "{keys:?}"),
            }
        };
        check("secret\n", Ok("secret"));
        check("secret\r", Ok("secret"));
        check("\u{4}", Ok(""));
        check("seX\u{7f}cret\n", Ok("secret"));
        check("\u{8}sä€\u{8}\u{8}e\n", Ok("se"));
        check("wrong\u{15}right\n", Ok("right"));
        check("a\u{1a}b\n", Ok("ab"));
        check("sec\u{3}ret\n", Err(Ended::Interrupted));
        check("\u{1c}", Err(Ended::Interrupted));
    }
}
