//! Names of hosts and databases as names of files.

use super::hexadecimal::hex;

/// A name as a file's or folder's: what no file system minds stays, the rest is written as `%` and its bytes.
pub fn file_name(called: &str) -> String {
    let mut name = String::new();
    for (index, byte) in called.bytes().enumerate() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' || (byte == b'.' && index > 0) {
            name.push(char::from(byte));
        } else {
            name.push('%');
            name += &hex(&[byte]).to_ascii_uppercase();
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_inside_the_folder() {
        assert_eq!(file_name("web01.example.com"), "web01.example.com");
        assert_eq!(file_name("../x"), "%2E.%2Fx");
    }
}
