//! Who may do what to the folder of a release.

use sha1::{Digest, Sha1};

use crate::hostcall::Grant;
use crate::hostcall::answer::{Acl, AclRights};

/// `NT AUTHORITY\SYSTEM`.
const SYSTEM: &str = "S-1-5-18";
/// `BUILTIN\Administrators`.
const ADMINISTRATORS: &str = "S-1-5-32-544";
/// `NT AUTHORITY\IUSR`, whom anonymous visitors are.
const IUSR: &str = "S-1-5-17";

/// The rights on a folder of an application's files; `writable` where the application writes to it.
///
/// A worker process has the SID of its pool whatever account it runs as, so that no other account is named.
pub fn grants(pool: &str, writable: bool) -> Vec<Grant> {
    let own = if writable { AclRights::Modify } else { AclRights::Read };
    let rows = [
        (SYSTEM.to_owned(), AclRights::Full),
        (ADMINISTRATORS.to_owned(), AclRights::Full),
        (pool_sid(pool), own),
        (IUSR.to_owned(), AclRights::Read),
    ];
    rows.into_iter().map(|(account, rights)| Grant { account, rights }).collect()
}

/// Whether a folder has exactly the rights of an application's files.
pub fn are(acl: &Acl, pool: &str) -> bool {
    let wanted = grants(pool, false);
    let has = |grant: &Grant| {
        acl.entries
            .iter()
            .any(|it| it.sid.eq_ignore_ascii_case(&grant.account) && it.rights == grant.rights && !it.deny)
    };
    !acl.inherits && acl.entries.len() == wanted.len() && wanted.iter().all(has)
}

/// The SID of a pool's virtual account `IIS AppPool\NAME`: S-1-5-82 and the SHA-1 of the lower-case name in UTF-16,
/// as five little-endian numbers.
fn pool_sid(pool: &str) -> String {
    let name: Vec<u8> = pool.to_lowercase().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let digest = Sha1::digest(&name);
    digest.chunks(4).fold("S-1-5-82".to_owned(), |sid, part| {
        let number = u32::from_le_bytes([part[0], part[1], part[2], part[3]]);
        format!("{sid}-{number}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sid_of_a_pool_follows_from_its_name() {
        // Published for the default pool of every IIS.
        let expected = "S-1-5-82-3006700770-424185619-1745488364-794895919-4004696415";
        assert_eq!(pool_sid("DefaultAppPool"), expected);
    }
}
