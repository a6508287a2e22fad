//! Profiles of credentials files on this machine.
#![cfg(all(unix, feature = "files"))]

use super::destination;
use super::rules::{credentials, delivery, keeps_the_rules, silent};
use keyrot_core::model::{Found, Holds};
use keyrot_core::ports::Destination;
use keyrot_core::{Effect, ErrorKind};
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// A folder that no other user may use, with a credentials file in it.
struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("credentials")
    }

    fn place(&self, profile: &str) -> String {
        format!("{}#{profile}", self.path().display())
    }

    fn read(&self) -> String {
        std::fs::read_to_string(self.path()).unwrap()
    }

    fn write(&self, text: &str) {
        std::fs::write(self.path(), text).unwrap();
        std::fs::set_permissions(self.path(), Permissions::from_mode(0o600)).unwrap();
    }

    async fn destination(&self) -> Arc<dyn Destination> {
        destination("profile", &self.place("ci"), "", "http://127.0.0.1:9").await
    }
}

fn pair(n: usize) -> String {
    let key = credentials(n);
    let (id, secret) = (key.key.as_str(), key.secret.expose());
    format!("aws_access_key_id = {id}\naws_secret_access_key = {secret}\n")
}

#[tokio::test]
async fn it_follows_the_rules_and_creates_a_file_that_only_its_owner_can_read() {
    let files = Files::new();
    let to = files.destination().await;
    keeps_the_rules(&*to, &files.place("ci"), || files.write("[ci]\nregion = eu-west-1\n")).await;
    assert_eq!(files.read(), format!("[ci]\n{}region = eu-west-1\n", pair(3)));
    assert_eq!(files.path().metadata().unwrap().mode() & 0o777, 0o600);
    let others = files.folder.path().read_dir().unwrap().count();
    assert_eq!(others, 1, "nothing is left beside the file");
}

#[tokio::test]
async fn everything_else_in_the_file_stays_unchanged() {
    let files = Files::new();
    let others =
        format!("# by hand\r\n[default]\r\nregion = x\r\n\r\n[jane] ; hers\r\n{}", pair(9));
    files.write(others.trim_end());
    let to = files.destination().await;
    let place = files.place("ci");
    assert_eq!(to.inspect(&place).await.unwrap(), Found::Nothing);
    let first = to.deliver(&place, &delivery(1, None)).await.unwrap();
    let added = format!("\r\n\r\n[ci]\r\n{}", pair(1).replace('\n', "\r\n"));
    assert_eq!(files.read(), format!("{}{added}", others.trim_end()));
    to.deliver(&place, &delivery(2, first.mark())).await.unwrap();
    let added = format!("\r\n\r\n[ci]\r\n{}", pair(2).replace('\n', "\r\n"));
    assert_eq!(files.read(), format!("{}{added}", others.trim_end()));

    // If the profile is indented, the new lines do not continue the line above, and no other line
    // continues them.
    files.write("[ci]\n   region = x\n   s3 =\n      max = 1\n");
    let theirs = to.inspect(&place).await.unwrap();
    assert!(matches!(&theirs, Found::Copy { holds: Holds::Other, .. }));
    let found = to.deliver(&place, &delivery(3, theirs.mark())).await.unwrap();
    assert_eq!(to.inspect(&place).await.unwrap(), found);
    let lines = pair(3).trim_end().replace("aws_secret", "   aws_secret");
    let expected = format!("[ci]\n   {lines}\n   region = x\n   s3 =\n      max = 1\n");
    assert_eq!(files.read(), expected);
}

#[tokio::test]
async fn another_profile_may_change_without_a_conflict() {
    let files = Files::new();
    let to = files.destination().await;
    let place = files.place("ci");
    let first = to.deliver(&place, &delivery(1, None)).await.unwrap();
    files.write(&format!("[default]\nregion = x\n{}", files.read()));
    assert_eq!(to.inspect(&place).await.unwrap(), first);
    // A change of only the secret half changes the mark.
    files.write(&files.read().replace("MDENG", "mdeng"));
    assert_ne!(to.inspect(&place).await.unwrap().mark(), first.mark());
}

#[tokio::test]
async fn a_file_that_tools_cannot_read_gets_no_key() {
    for (text, says) in [
        ("region = x\n[ci]\n", "line 1: the line is before the first section"),
        ("[ci]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n", "but no aws_secret_access_key"),
        ("[ci]\nregion = x\n[ci]\n", "line 3: a section of this name is above"),
        ("[ci]\nregion = x\n[ ci ]\n", "appears twice"),
        ("[ ci ]\nregion = x\n", "spaces in its brackets"),
        (&format!("[ci]\n{}", pair(7).replacen('\n', " # mine\n", 1)), "remove the comment"),
        ("[ci]\nrole_arn = x\n", "the profile has role_arn (line 2)"),
        ("[DEFAULT]\nsso_session = x\n[ci]\n", "the profile has sso_session (line 2)"),
        (&format!("[DEFAULT]\n{}", pair(7)), "which boto3 adds to every profile"),
        (&format!("[ci]\naws_session_token = abc\n{}", pair(7)), "remove that line"),
        ("\u{feff}[ci]\n", "byte order mark"),
        ("[jane]\nhello\n[ci]\n", "line 2: expected NAME = VALUE"),
    ] {
        let files = Files::new();
        files.write(text);
        let to = files.destination().await;
        let place = files.place("ci");
        let inspected = to.inspect(&place).await.unwrap_err();
        let delivered = to.deliver(&place, &delivery(1, None)).await.unwrap_err();
        for error in [inspected, delivered] {
            assert_eq!((error.kind, error.effect), (ErrorKind::Other, Effect::None), "{error}");
            let said = silent(&error);
            assert!(said.contains(says), "{said}\n{says}");
        }
        assert_eq!(files.read(), text);
    }
}

#[tokio::test]
async fn a_path_that_others_could_have_changed_is_not_trusted() {
    type Change = fn(&Files);
    let cases: [(&str, Change); 6] = [
        ("is a symbolic link", |files| {
            let own = files.folder.path().join("own");
            std::fs::write(&own, "").unwrap();
            symlink(&own, files.path()).unwrap();
        }),
        ("is not a regular file", |files| std::fs::create_dir(files.path()).unwrap()),
        ("is open to others, who would get the key: chmod 600", |files| {
            files.write("");
            std::fs::set_permissions(files.path(), Permissions::from_mode(0o604)).unwrap();
        }),
        ("is open to others", |files| {
            files.write("");
            std::fs::set_permissions(files.path(), Permissions::from_mode(0o620)).unwrap();
        }),
        // Others could add files there before keyrot does.
        ("others may change the folder", |files| {
            let sticky = Permissions::from_mode(0o1777);
            std::fs::set_permissions(files.folder.path(), sticky).unwrap();
        }),
        ("others may change the folder", |files| {
            let open = Permissions::from_mode(0o777);
            std::fs::set_permissions(files.folder.path(), open).unwrap();
        }),
    ];
    for (says, change) in cases {
        let files = Files::new();
        change(&files);
        let to = files.destination().await;
        let place = files.place("ci");
        let inspected = to.inspect(&place).await.unwrap_err();
        let delivered = to.deliver(&place, &delivery(1, None)).await.unwrap_err();
        for error in [inspected, delivered] {
            assert_eq!((error.kind, error.effect), (ErrorKind::Denied, Effect::None), "{error}");
            assert!(silent(&error).contains(says), "{error}");
        }
        assert!(!files.path().is_file() || files.read().is_empty());
    }
    // A missing folder is reported before a key is created.
    let files = Files::new();
    let place = format!("{}/deeper/credentials#ci", files.folder.path().display());
    let to = destination("profile", &place, "", "http://127.0.0.1:9").await;
    let error = to.inspect(&place).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::NotFound, Effect::None));
    assert!(silent(&error).contains("create it with mkdir"), "{error}");
    // The link could later point to another folder.
    let files = Files::new();
    let link = files.folder.path().canonicalize().unwrap().join("link");
    symlink(files.folder.path(), &link).unwrap();
    let place = format!("{}/credentials#ci", link.display());
    let to = destination("profile", &place, "", "http://127.0.0.1:9").await;
    let error = to.deliver(&place, &delivery(1, None)).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Denied, Effect::None));
    assert!(silent(&error).contains("link is a symbolic link"), "{error}");
    assert!(!files.path().exists());
    // The owner may let a group read it.
    let files = Files::new();
    files.write("");
    std::fs::set_permissions(files.path(), Permissions::from_mode(0o640)).unwrap();
    files.destination().await.deliver(&files.place("ci"), &delivery(1, None)).await.unwrap();
    assert_eq!(files.path().metadata().unwrap().mode() & 0o777, 0o640);
}

#[tokio::test]
async fn a_file_of_another_user_is_refused() {
    // Only root can give a file away.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let files = Files::new();
    files.write("");
    std::os::unix::fs::chown(files.path(), Some(12_345), None).unwrap();
    let to = files.destination().await;
    let error = to.inspect(&files.place("ci")).await.unwrap_err();
    assert!(silent(&error).contains("belongs to another user (uid 12345)"), "{error}");
    let files = Files::new();
    std::os::unix::fs::chown(files.folder.path(), Some(12_345), None).unwrap();
    let to = files.destination().await;
    let error = to.deliver(&files.place("ci"), &delivery(1, None)).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Denied, Effect::None));
    assert!(silent(&error).contains("belongs to another user (uid 12345), who could"), "{error}");
    assert!(!files.path().exists());
}

/// keyrot would lose the list, or the list would let users read the key although the file's mode
/// does not show that.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_with_an_access_control_list_is_refused() {
    // The owner has rw, user 1234 r, the group nothing, the mask is r, and others have nothing.
    let entries = [
        (1_u16, 6_u16, u32::MAX),
        (2, 4, 1234),
        (4, 0, u32::MAX),
        (16, 4, u32::MAX),
        (32, 0, u32::MAX),
    ];
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, may, id) in entries {
        list.extend([tag.to_le_bytes(), may.to_le_bytes()].concat());
        list.extend(id.to_le_bytes());
    }
    let set = |path: &std::path::Path, name: &str| {
        rustix::fs::setxattr(path, name, &list, rustix::fs::XattrFlags::empty()).is_ok()
    };
    for (of_folder, name) in
        [(false, "system.posix_acl_access"), (true, "system.posix_acl_default")]
    {
        let files = Files::new();
        files.write("");
        std::fs::set_permissions(files.path(), Permissions::from_mode(0o640)).unwrap();
        let path = if of_folder { files.folder.path().to_owned() } else { files.path() };
        if !set(&path, name) {
            println!("this file system has no such lists");
            continue;
        }
        let to = files.destination().await;
        let error = to.deliver(&files.place("ci"), &delivery(1, None)).await.unwrap_err();
        assert_eq!(error.effect, Effect::None);
        assert!(silent(&error).contains("setfacl -b"), "{error}");
        assert_eq!(files.read(), "");
    }
}

#[tokio::test]
async fn many_users_keys_go_to_one_file_at_the_same_time() {
    let files = Files::new();
    let text = format!(
        "[[destination]]\nname = 'x'\nkind = 'profile'\nusers = ['*']\nto = '{}#{{user}}'\n",
        files.path().display()
    );
    let aws = super::aws("http://127.0.0.1:9").await;
    let refused = keyrot_aws::notify::FromEnvironment::Refused;
    let all = aws.destinations(&super::settings(&text), refused).unwrap();
    let to = all.into_values().next().unwrap();
    let deliveries = (0..24).map(|n| {
        let (to, place) = (to.clone(), files.place(&format!("user{n}")));
        tokio::spawn(async move { to.deliver(&place, &delivery(n, None)).await })
    });
    for delivered in deliveries.collect::<Vec<_>>() {
        delivered.await.unwrap().unwrap();
    }
    let text = files.read();
    for n in 0..24 {
        assert!(text.contains(&format!("[user{n}]\n{}", pair(n))), "{n}");
    }
}
