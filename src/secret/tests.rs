//! All stores, as their users meet them.

use std::fs;

use tempfile::TempDir;

use super::{Existing, Recipe, SecretError, Stores, Surroundings};
use crate::value::{SecretRef, SecretValue, Store};

fn stores(folder: &TempDir, identity: &str) -> Stores {
    let identity = folder.path().join(identity).display().to_string();
    Stores::within(
        folder.path(),
        Surroundings::new(move |name| match name {
            "FARMHAND_IDENTITY" => Some(identity.clone()),
            "CHAT_PASSWORD" => Some("from-the-environment".to_owned()),
            _ => None,
        }),
    )
}

fn reference(text: &str) -> SecretRef {
    SecretRef::parse(text).unwrap()
}

fn told<T>(result: Result<T, SecretError>) -> String {
    result.map_or_else(|error| error.to_string(), |_| "done".to_owned())
}

#[test]
fn a_secret_comes_back_as_it_was_set() {
    let folder = TempDir::new().unwrap();
    let stores = stores(&folder, "identity");
    stores.init().unwrap();
    stores.init().unwrap();
    let value = "pass\"word\\ é\n";
    stores.set("svc-chat", SecretValue::new(value.to_owned()), Existing::Keep).unwrap();
    assert!(stores.exists(&reference("svc-chat")) && !stores.exists(&reference("other")));
    assert_eq!(stores.value(&reference("svc-chat")).unwrap().expose(), value);
    assert_eq!(stores.value(&reference("env:CHAT_PASSWORD")).unwrap().expose(), "from-the-environment");
    assert_eq!(stores.list().unwrap(), ["svc-chat"]);
    let again = || SecretValue::new("other".to_owned());
    assert_eq!(
        told(stores.set("svc-chat", again(), Existing::Keep)),
        "the secret `svc-chat` is there already; type: farmhand secret set svc-chat --replace"
    );
    let before = stores.fingerprint(&reference("svc-chat")).unwrap();
    stores.set("svc-chat", again(), Existing::Replace).unwrap();
    let after = stores.fingerprint(&reference("svc-chat")).unwrap();
    assert!(before != after && after.0.len() == 16, "{after:?}");
    assert_eq!(stores.history("svc-chat").unwrap().current.number, 2);
    assert_eq!(
        told(stores.set("farm-key", again(), Existing::Replace)),
        "`farm-key` cannot name a secret: fingerprints are made with it, and would all change"
    );
}

#[test]
fn no_file_shows_a_value_and_none_is_for_others() {
    let folder = TempDir::new().unwrap();
    let stores = stores(&folder, "identity");
    stores.init().unwrap();
    stores.set("svc", SecretValue::new("canary-in-the-mine".to_owned()), Existing::Keep).unwrap();
    for entry in fs::read_dir(folder.path().join("secrets")).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("canary"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let identity = folder.path().join("identity");
        assert_eq!(fs::metadata(&identity).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&identity, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(told(stores.value(&reference("svc"))).contains("chmod 600"));
    }
}

#[test]
fn what_is_swapped_damaged_or_sealed_for_others_is_refused() {
    let folder = TempDir::new().unwrap();
    let ours = stores(&folder, "identity");
    assert_eq!(told(ours.value(&reference("a"))).split(" at ").next(), Some("no identity"));
    ours.init().unwrap();
    for name in ["a", "b"] {
        ours.set(name, SecretValue::new(format!("value of {name}")), Existing::Keep).unwrap();
    }
    let file = |name: &str| folder.path().join("secrets").join(format!("{name}.age"));
    assert_eq!(told(ours.value(&reference("c"))), "no secret `c`; type: farmhand secret set c");
    fs::copy(file("a"), file("c")).unwrap();
    assert_eq!(told(ours.value(&reference("c"))), "the file of the secret `c` is damaged: it holds the secret `a`");
    let whole = fs::read(file("b")).unwrap();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(file("b"), &changed).unwrap();
        assert!(ours.value(&reference("b")).is_err(), "byte {at}");
        fs::write(file("b"), &whole[..at]).unwrap();
        assert!(ours.value(&reference("b")).is_err(), "cut at {at}");
    }
    let theirs = stores(&folder, "another");
    theirs.init().unwrap();
    assert!(told(theirs.value(&reference("a"))).starts_with("the secret `a` is not sealed for this identity"));
    let path = SecretRef { store: Store::Age, name: "../identity".to_owned(), fingerprint: None };
    assert!(told(ours.value(&path)).starts_with("`../identity` cannot name a secret"));
    let mixed = SecretRef { store: Store::Age, name: "env:HOME".to_owned(), fingerprint: None };
    assert!(told(ours.value(&mixed)).contains("ambiguous"));
}

#[test]
fn the_lab_has_every_secret_and_keeps_it() {
    let folder = TempDir::new().unwrap();
    let first = Stores::lab(folder.path()).value(&reference("svc")).unwrap();
    let again = Stores::lab(folder.path()).value(&reference("svc")).unwrap();
    let other = Stores::lab(folder.path()).value(&reference("env:SVC")).unwrap();
    assert_eq!(first.expose(), again.expose());
    assert_ne!(first.expose(), other.expose());
    assert_eq!(first.expose().len(), 24);
    assert_eq!(Stores::lab(folder.path()).list().unwrap(), ["svc"]);
    let set = SecretValue::new("chosen".to_owned());
    Stores::lab(folder.path()).set("svc", set, Existing::Replace).unwrap();
    assert_eq!(Stores::lab(folder.path()).value(&reference("svc")).unwrap().expose(), "chosen");
    assert!(Stores::lab(folder.path()).fingerprint(&reference("svc")).is_ok());
}

#[test]
fn what_is_made_up_is_kept_rotated_and_taken_back() {
    let folder = TempDir::new().unwrap();
    let sealed = stores(&folder, "identity");
    sealed.init().unwrap();
    let lab = TempDir::new().unwrap();
    for stores in [sealed, Stores::lab(lab.path())] {
        let value = || stores.value(&reference("key")).unwrap().expose().to_owned();
        stores.generate("key", Recipe::MachineKey).unwrap();
        let first = value();
        assert_eq!(stores.machine_key(&reference("key")).unwrap().to_secret().expose(), first);
        assert!(!stores.ensure("key", Recipe::MachineKey).unwrap());
        assert_eq!(
            told(stores.generate("key", Recipe::MachineKey)),
            "the secret `key` is there already; for another value type: farmhand secret rotate key"
        );
        assert_eq!(told(stores.rotate_back("key")), "the secret `key` has no previous value to go back to");
        assert_eq!(value(), first);
        let before = stores.kept("key").unwrap();
        assert_eq!((before.recipe, before.previous), (Some(Recipe::MachineKey), None));
        assert_eq!(stores.rotate("key").unwrap(), Recipe::MachineKey);
        let second = value();
        assert!(second != first && second.starts_with("<machineKey "));
        let after = stores.kept("key").unwrap();
        assert_eq!(after.previous, Some(before.fingerprint));
        assert_eq!(after.fingerprint, stores.fingerprint(&reference("key")).unwrap());
        stores.rotate_back("key").unwrap();
        assert_eq!(value(), first);
        stores.rotate_back("key").unwrap();
        assert_eq!(value(), second);
        assert_eq!(stores.list().unwrap(), ["key"]);
        assert!(told(stores.rotate("none")).starts_with("no secret `none`"));
        for refused in [told(stores.rotate("farm-key")), told(stores.ensure("../x", Recipe::Letters(8)))] {
            assert!(refused.contains("cannot name a secret"), "{refused}");
        }
    }
}

#[test]
fn what_was_set_by_hand_is_not_made_up_anew() {
    let folder = TempDir::new().unwrap();
    let stores = stores(&folder, "identity");
    stores.init().unwrap();
    let set = |value: &str| stores.set("svc", SecretValue::new(value.to_owned()), Existing::Replace);
    set("one").unwrap();
    assert!(told(stores.rotate("svc")).contains("was set by hand; for another value type: farmhand secret set svc"));
    assert!(told(stores.machine_key(&reference("svc"))).starts_with("the secret `svc`: this is no machine key"));
    set("two").unwrap();
    stores.rotate_back("svc").unwrap();
    assert_eq!(stores.value(&reference("svc")).unwrap().expose(), "one");
    // A key that was brought along is recognised.
    let key = Recipe::MachineKey.make().unwrap();
    stores.set("svc", key, Existing::Replace).unwrap();
    assert_eq!(stores.rotate("svc").unwrap(), Recipe::MachineKey);
}

#[test]
fn a_file_holds_a_value_for_its_owner_alone() {
    let folder = TempDir::new().unwrap();
    let stores = stores(&folder, "identity");
    let (name, path) = (reference("file:keys/chat.txt"), folder.path().join("keys/chat.txt"));
    fs::create_dir(folder.path().join("keys")).unwrap();
    assert!(!stores.exists(&name));
    assert!(told(stores.value(&name)).starts_with("the secret `file:keys/chat.txt`: there is no file"));
    for (text, expected) in [("pass\n", "pass"), ("pass\r\n", "pass"), ("two\nlines\n\n", "two\nlines\n"), ("a", "a")] {
        let _ = fs::remove_file(&path);
        super::file::write(&path, text.as_bytes(), super::file::Overwrite::Always).unwrap();
        assert_eq!(stores.value(&name).unwrap().expose(), expected);
    }
    assert!(stores.exists(&name));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(told(stores.value(&name)).contains("others can read it; type: chmod 600"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::write(&path, "\n").unwrap();
    assert_eq!(told(stores.value(&name)), "the secret `file:keys/chat.txt`: it is empty");
    fs::write(&path, [0xff]).unwrap();
    assert_eq!(told(stores.value(&name)), "the secret `file:keys/chat.txt`: it is no text");
}

#[test]
fn asking_whether_a_secret_is_there_runs_nothing() {
    let folder = TempDir::new().unwrap();
    let stores = stores(&folder, "identity");
    let name = reference("exec:chat");
    assert!(!stores.exists(&name) && stores.exec_trouble().is_none());
    fs::create_dir(folder.path().join("secrets")).unwrap();
    fs::write(folder.path().join("secrets/exec.yml"), "command: [touch, ran]\n").unwrap();
    assert!(stores.exists(&name) && stores.exec_trouble().is_none() && stores.asked_when_needed(&name));
    assert!(!folder.path().join("ran").exists());
    fs::write(folder.path().join("secrets/exec.yml"), "command: []\n").unwrap();
    assert!(stores.exec_trouble().is_some());
    assert!(!Stores::lab(folder.path()).asked_when_needed(&name));
}

#[cfg(unix)]
fn ssh_key(folder: &TempDir, name: &str, arguments: &[&str]) -> Option<String> {
    let path = folder.path().join(name);
    let mut command = std::process::Command::new("ssh-keygen");
    let run = command.args(["-q", "-f"]).arg(&path).args(["-C", name]).args(arguments).status();
    if !run.ok()?.success() {
        return None;
    }
    fs::read_to_string(path.with_extension("pub")).ok()
}

#[cfg(unix)]
#[test]
fn secrets_are_sealed_for_whoever_is_in_the_list_now() {
    use super::Recipient;

    let folder = TempDir::new().unwrap();
    let ours = stores(&folder, "identity");
    ours.init().unwrap();
    ours.set("a", SecretValue::new("value".to_owned()), Existing::Keep).unwrap();
    ours.generate("b", Recipe::Bytes(16)).unwrap();
    ours.rotate("b").unwrap();
    let before = ours.kept("b").unwrap();
    let mut keys = vec![("ed25519", ssh_key(&folder, "ed25519", &["-t", "ed25519", "-N", ""]))];
    keys.push(("rsa", ssh_key(&folder, "rsa", &["-t", "rsa", "-b", "2048", "-N", ""])));
    for (name, public) in keys {
        let Some(public) = public else { return };
        let theirs = stores(&folder, name);
        assert!(told(theirs.value(&reference("a"))).contains("is not sealed for this identity"));
        let recipient = Recipient::parse(&public).unwrap();
        assert_eq!(recipient.comment, name);
        assert!(told(theirs.add_recipient(&recipient)).starts_with("nothing was sealed anew"));
        assert!(told(theirs.value(&reference("a"))).contains("is not sealed for this identity"));
        assert_eq!(ours.add_recipient(&recipient).unwrap(), ["a", "b"]);
        assert_eq!(theirs.value(&reference("a")).unwrap().expose(), "value");
        assert_eq!(theirs.kept("b").unwrap(), before);
        assert_eq!(theirs.init().unwrap().1, recipient.key());
        assert!(told(theirs.remove_recipient(name)).contains("could open nothing any more"));
        assert_eq!(ours.remove_recipient(name).unwrap().1, ["a", "b"]);
        assert!(told(theirs.value(&reference("a"))).contains("is not sealed for this identity"));
        assert!(told(ours.remove_recipient(name)).starts_with("nobody in "));
    }
    let protected = ssh_key(&folder, "protected", &["-t", "ed25519", "-N", "long enough"]).unwrap();
    assert!(Recipient::parse(&protected).is_ok());
    assert!(told(stores(&folder, "protected").value(&reference("a"))).contains("is protected by a passphrase"));
    ssh_key(&folder, "ecdsa", &["-t", "ecdsa", "-N", ""]).unwrap();
    assert!(told(stores(&folder, "ecdsa").value(&reference("a"))).contains("cannot open files"));
    let cut = fs::read_to_string(folder.path().join("ed25519")).unwrap();
    super::file::write(&folder.path().join("cut"), &cut.as_bytes()[..100], super::file::Overwrite::Always).unwrap();
    assert!(told(stores(&folder, "cut").value(&reference("a"))).contains("or it is cut off"));
}

#[test]
fn a_file_of_several_identities_opens_with_any_of_them() {
    let folder = TempDir::new().unwrap();
    let (first, second) = (stores(&folder, "first"), stores(&folder, "second"));
    first.init().unwrap();
    first.set("a", SecretValue::new("value".to_owned()), Existing::Keep).unwrap();
    second.init().unwrap();
    let both = ["second", "first"].map(|name| fs::read_to_string(folder.path().join(name)).unwrap()).concat();
    super::file::write(&folder.path().join("both"), both.as_bytes(), super::file::Overwrite::Always).unwrap();
    assert_eq!(stores(&folder, "both").value(&reference("a")).unwrap().expose(), "value");
    assert!(told(second.value(&reference("a"))).contains("is not sealed for this identity"));
}
