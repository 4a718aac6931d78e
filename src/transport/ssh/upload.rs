//! Pieces of files, over as many connections as pays.

use std::collections::BTreeMap;

use super::sftp::Unwritten;
use super::{Ssh, open};
use crate::transport::{FilePiece, TransportError};

/// Connections that write files at a time.
const MOST_WRITERS: usize = 4;
/// How many bytes are worth a connection of their own: a login costs about ten round trips and a core's half second.
const WORTH_A_CONNECTION_BYTES: usize = 4 << 20;

impl Ssh {
    /// Whether files may go by SFTP, as far as is known.
    pub fn carries_files(&self) -> bool {
        !self.no_sftp
    }

    /// Writes pieces of the files of a folder that `put_tree` has begun. `false` says that SFTP does not lead there,
    /// and that nothing can be said of what was written.
    ///
    /// # Errors
    ///
    /// Those of [`TransportError`]; some of the pieces may be there.
    pub async fn carry(&mut self, tree: &str, pieces: Vec<FilePiece>) -> Result<bool, TransportError> {
        let bytes: usize = pieces.iter().map(|piece| piece.bytes.len()).sum();
        self.traffic.bytes_up += bytes as u64;
        self.traffic.requests += pieces.len() as u64;
        let mut shares = shares(pieces, (bytes / WORTH_A_CONNECTION_BYTES).clamp(1, MOST_WRITERS));
        let own = shares.pop().unwrap_or_default();
        let opening: Vec<_> = (self.porters.len()..shares.len()).map(|_| open(&self.target)).collect();
        for opened in all(opening).await {
            self.traffic.requests += 1;
            match opened {
                Ok(porter) => self.porters.push(porter),
                // One connection is as good, only slower: the host may allow no more.
                Err(error) => tracing::info!(host = self.host(), %error, "no further connection for files"),
            }
        }
        let mut own = vec![own];
        while shares.len() > self.porters.len() {
            own.extend(shares.pop());
        }
        let mut writing = Vec::new();
        for (porter, share) in self.porters.iter().zip(shares) {
            let tree = tree.to_owned();
            writing.push(porter.run(move |held, _| held.write_files(&tree, &share)));
        }
        let tree = tree.to_owned();
        let own = own.concat();
        let main = self.worker()?.run(move |held, _| held.write_files(&tree, &own));
        let (main, others) = tokio::join!(main, all(writing));
        for written in others.into_iter().chain([main]) {
            match written {
                Some(Ok(())) => {}
                Some(Err(Unwritten::NoSftp(why))) => {
                    tracing::info!(host = self.host(), why, "files go through the agent, as SFTP does not lead there");
                    self.no_sftp = true;
                    return Ok(false);
                }
                Some(Err(Unwritten::Failed(why))) => return Err(self.lost("send files", why, true)),
                None => return Err(self.gone("send files")),
            }
        }
        Ok(true)
    }
}

/// Waits for all; they run on threads of their own meanwhile.
async fn all<T>(waiting: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut done = Vec::with_capacity(waiting.len());
    for one in waiting {
        done.push(one.await);
    }
    done
}

/// Pieces in so many shares of about the same size. Those of one file stay together and in order, so that what is on
/// the host is always the beginning of the file.
fn shares(pieces: Vec<FilePiece>, count: usize) -> Vec<Vec<FilePiece>> {
    let mut files: BTreeMap<String, Vec<FilePiece>> = BTreeMap::new();
    for piece in pieces {
        files.entry(piece.file.clone()).or_default().push(piece);
    }
    let size = |pieces: &[FilePiece]| pieces.iter().map(|piece| piece.bytes.len()).sum::<usize>();
    let mut files: Vec<Vec<FilePiece>> = files.into_values().collect();
    files.sort_by_key(|pieces| std::cmp::Reverse(size(pieces)));
    let mut shares: Vec<Vec<FilePiece>> = (0..count.min(files.len())).map(|_| Vec::new()).collect();
    for file in files {
        if let Some(least) = shares.iter_mut().min_by_key(|share| size(share)) {
            least.extend(file);
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_even_and_keep_a_file_together() {
        let piece =
            |file: &str, at_bytes, length| FilePiece { file: file.to_owned(), at_bytes, bytes: vec![0; length].into() };
        let pieces = vec![piece("a", 0, 5), piece("b", 0, 4), piece("a", 5, 5), piece("c", 0, 7)];
        let shown = |count| -> Vec<Vec<(String, u64)>> {
            let shares = shares(pieces.clone(), count);
            shares.iter().map(|share| share.iter().map(|it| (it.file.clone(), it.at_bytes)).collect()).collect()
        };
        let at = |file: &str, at_bytes| (file.to_owned(), at_bytes);
        assert_eq!(shown(2), [vec![at("a", 0), at("a", 5)], vec![at("c", 0), at("b", 0)]]);
        assert_eq!(shown(4).len(), 3);
        assert!(super::shares(Vec::new(), 4).is_empty());
    }
}
