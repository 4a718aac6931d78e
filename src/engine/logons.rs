//! Logon tests of a run: each changed account is tried once, on one host, for all.

use std::collections::BTreeMap;

use tokio::sync::Mutex;

use super::ended::Ended;
use crate::value::SecretRef;

/// What came of the tests so far, by account and password.
#[derive(Default)]
pub(super) struct Logons(Mutex<BTreeMap<(String, SecretRef), Result<(), String>>>);

impl Logons {
    /// Makes the test unless it was made; whoever comes meanwhile waits for what comes of it.
    pub(super) async fn once(
        &self,
        account: &str,
        secret: &SecretRef,
        test: impl Future<Output = Result<Result<(), String>, Ended>>,
    ) -> Result<(), Ended> {
        let mut tried = self.0.lock().await;
        let key = (account.to_owned(), secret.clone());
        if let Some(known) = tried.get(&key) {
            return known.clone().map_err(Ended::failed);
        }
        let result = test.await?;
        tried.insert(key, result.clone());
        result.map_err(Ended::failed)
    }
}
