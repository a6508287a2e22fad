//! The cases for versions and their labels.

use super::case::{Checked, Miss, hides, holds, refused, same};
use crate::conformance::fixture::{StoreFixture, made_up};
use crate::model::credentials::Credentials;
use crate::model::error::ErrorKind;
use crate::model::names::{SecretName, VersionId};
use crate::model::no_key::NoKey;
use crate::model::stored::VersionContents;
use crate::model::version::Content;

const FOREIGN: &str = "5f0c0e6e-9a53-4b3e-8f35-1d1c52a7c0de";

/// Creates a secret with the placeholder, and stages fake credentials in it.
async fn with_staged(
    fixture: &StoreFixture<'_>,
    case: &str,
) -> Result<(SecretName, VersionId, VersionId, Credentials), Miss> {
    let (secret, placeholder) = fixture.adopted(case).await?;
    let (credentials, version) = made_up('A')?;
    fixture.port.stage(&secret, &version, &credentials, None).await?;
    Ok((secret, placeholder, version, credentials))
}

/// Creates a secret as another program would, with this text.
async fn by_hand(
    fixture: &StoreFixture<'_>,
    case: &str,
    text: &str,
) -> Result<(SecretName, VersionId), Miss> {
    let (secret, version) = (fixture.secret(case)?, VersionId::parse(FOREIGN)?);
    fixture.lab.create_secret(&secret, &version, text).await?;
    let current = fixture.present(&secret).await?.current;
    Ok((secret, current.map_or(version, |held| held.version)))
}

fn json(credentials: &Credentials, more: &str) -> String {
    let (key, secret) = (&credentials.key, credentials.secret.expose());
    format!(r#"{{{more}"AccessKeyId":"{key}","SecretAccessKey":"{secret}"}}"#)
}

pub(super) async fn staged(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, placeholder, version, credentials) = with_staged(fixture, "staged").await?;
    fixture.labels(&secret, [Some(&placeholder), Some(&version), None]).await?;
    let pending = fixture.present(&secret).await?.pending;
    same("the staged key", &pending.as_ref().and_then(|held| held.key()), &Some(&credentials.key))
}

pub(super) async fn staged_twice(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, placeholder, version, credentials) = with_staged(fixture, "staged-twice").await?;
    fixture.port.stage(&secret, &version, &credentials, None).await?;
    fixture.labels(&secret, [Some(&placeholder), Some(&version), None]).await?;
    same("credentials", &fixture.port.read(&secret, &version).await?, &Some(credentials))
}

pub(super) async fn staged_otherwise(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, placeholder, version, credentials) =
        with_staged(fixture, "staged-otherwise").await?;
    let (other, _) = made_up('B')?;
    refused(
        "other content",
        fixture.port.stage(&secret, &version, &other, None).await,
        ErrorKind::Conflict,
    )?;
    fixture.labels(&secret, [Some(&placeholder), Some(&version), None]).await?;
    same("credentials", &fixture.port.read(&secret, &version).await?, &Some(credentials))
}

pub(super) async fn staged_again(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, placeholder, _, _) = with_staged(fixture, "staged-again").await?;
    let (newer, version) = made_up('B')?;
    fixture.port.stage(&secret, &version, &newer, None).await?;
    fixture.labels(&secret, [Some(&placeholder), Some(&version), None]).await
}

/// A test write moves no label that others use, and is refused if staging is refused.
pub(super) async fn test_written(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, placeholder, version, credentials) = with_staged(fixture, "test-written").await?;
    for n in [1, 2] {
        let test = VersionId::for_test_write(
            crate::model::time::Timestamp::UNIX_EPOCH + std::time::Duration::from_secs(n),
        );
        fixture.port.test_write(&secret, &test).await?;
        let found = fixture.present(&secret).await?;
        let labels = [found.current, found.pending].map(|held| held.map(|held| held.version));
        same(
            "AWSCURRENT and AWSPENDING",
            &labels,
            &[Some(placeholder.clone()), Some(version.clone())],
        )?;
        fixture.lab.settle().await?;
        let written = fixture.port.versions(&secret).await?.iter().any(|stored| stored.id == test);
        holds("nothing was written", written)?;
        same(
            "credentials in it",
            &fixture.port.read(&secret, &version).await?,
            &Some(credentials.clone()),
        )?;
    }
    let nowhere = fixture.port.test_write(&fixture.secret("test-nowhere")?, &version).await;
    refused("a test write in no secret", nowhere, ErrorKind::NotFound)?;
    Ok(())
}

pub(super) async fn staged_nowhere(fixture: &StoreFixture<'_>) -> Checked {
    let (credentials, version) = made_up('A')?;
    let result =
        fixture.port.stage(&fixture.secret("nowhere")?, &version, &credentials, None).await;
    refused("staging in no secret", result, ErrorKind::NotFound)?;
    Ok(())
}

/// AWSPENDING may stay on the version that now has AWSCURRENT, as in Secrets Manager.
pub(super) async fn promoted(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, placeholder, version, _) = with_staged(fixture, "promoted").await?;
    fixture.port.promote(&secret, &placeholder, &version).await?;
    let found = fixture.present(&secret).await?;
    same("AWSCURRENT", &found.current.map(|held| held.version), &Some(version.clone()))?;
    same("AWSPREVIOUS", &found.previous.map(|held| held.version), &Some(placeholder))?;
    holds(
        "AWSPENDING stands on a third version",
        found.pending.is_none_or(|held| held.version == version),
    )
}

pub(super) async fn promoted_from_elsewhere(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, placeholder, version, _) = with_staged(fixture, "promoted-elsewhere").await?;
    let result = fixture.port.promote(&secret, &version, &version).await;
    refused("a promotion from a version that is not current", result, ErrorKind::Conflict)?;
    fixture.labels(&secret, [Some(&placeholder), Some(&version), None]).await
}

/// Two runs promote concurrently: the second finds that AWSCURRENT is no longer where it read it.
pub(super) async fn promoted_late(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, placeholder, first, _) = with_staged(fixture, "promoted-late").await?;
    let (second, version) = made_up('B')?;
    fixture.port.stage(&secret, &version, &second, None).await?;
    fixture.port.promote(&secret, &placeholder, &first).await?;
    let late = fixture.port.promote(&secret, &placeholder, &version).await;
    refused("a promotion from the version before", late, ErrorKind::Conflict)?;
    fixture.labels(&secret, [Some(&first), Some(&version), Some(&placeholder)]).await
}

pub(super) async fn rolled_back(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, placeholder, version, _) = with_staged(fixture, "rolled-back").await?;
    fixture.port.promote(&secret, &placeholder, &version).await?;
    fixture.port.promote(&secret, &version, &placeholder).await?;
    let found = fixture.present(&secret).await?;
    same("AWSCURRENT", &found.current.map(|held| held.version), &Some(placeholder))?;
    same("AWSPREVIOUS", &found.previous.map(|held| held.version), &Some(version))
}

pub(super) async fn unstaged(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, placeholder, version, _) = with_staged(fixture, "unstaged").await?;
    fixture.port.unstage(&secret, &version).await?;
    fixture.labels(&secret, [Some(&placeholder), None, None]).await
}

pub(super) async fn unstaged_elsewhere(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, placeholder, version, _) = with_staged(fixture, "unstaged-elsewhere").await?;
    let result = fixture.port.unstage(&secret, &placeholder).await;
    refused("unstaging a version that is not staged", result, ErrorKind::Conflict)?;
    fixture.labels(&secret, [Some(&placeholder), Some(&version), None]).await
}

pub(super) async fn read(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, _, version, credentials) = with_staged(fixture, "read").await?;
    same("credentials", &fixture.port.read(&secret, &version).await?, &Some(credentials))
}

pub(super) async fn read_nothing(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, placeholder) = fixture.adopted("read-nothing").await?;
    same("credentials", &fixture.port.read(&secret, &placeholder).await?, &None)
}

pub(super) async fn read_by_id(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, placeholder, first, credentials) = with_staged(fixture, "read-by-id").await?;
    let (newer, version) = made_up('B')?;
    fixture.port.promote(&secret, &placeholder, &first).await?;
    fixture.port.stage(&secret, &version, &newer, None).await?;
    same("the first", &fixture.port.read(&secret, &first).await?, &Some(credentials))?;
    same("the second", &fixture.port.read(&secret, &version).await?, &Some(newer))
}

pub(super) async fn foreign(fixture: &StoreFixture<'_>) -> Checked {
    let (credentials, _) = made_up('C')?;
    let (secret, version) = by_hand(fixture, "foreign", &json(&credentials, "")).await?;
    let content = fixture.present(&secret).await?.current.map(|held| held.content);
    same("content before the look", &content, &Some(Content::Foreign))?;
    let inside = looked_into(fixture, &secret, &version).await?;
    same("inside", &(inside.key, inside.extras), &(Ok(credentials.key), false))
}

async fn looked_into(
    fixture: &StoreFixture<'_>,
    secret: &SecretName,
    version: &VersionId,
) -> Result<VersionContents, Miss> {
    let inside = fixture.port.inspect_version(secret, version).await?;
    let none = VersionContents { key: Err(NoKey::Empty), extras: false, next_size: None };
    Ok(inside.unwrap_or(none))
}

pub(super) async fn foreign_extras(fixture: &StoreFixture<'_>) -> Checked {
    let (credentials, _) = made_up('C')?;
    let (secret, version) =
        by_hand(fixture, "foreign-extras", &json(&credentials, r#""Region":"eu-west-1","#)).await?;
    let inside = looked_into(fixture, &secret, &version).await?;
    same("inside", &(inside.key, inside.extras), &(Ok(credentials.key), true))
}

pub(super) async fn foreign_other(fixture: &StoreFixture<'_>) -> Checked {
    let half = "{\"AccessKeyId\":\"AKIAIOSFODNN7EXAMPLE\"}";
    let other = [
        ("a password", NoKey::NotJson),
        ("{\"password\":\"x\"}", NoKey::NoFields),
        ("[]", NoKey::Array),
        ("{\"AccessKeyId\":7}", NoKey::NotText),
        (half, NoKey::NoSecretHalf),
    ];
    for (n, (text, why)) in other.into_iter().enumerate() {
        let (secret, version) = by_hand(fixture, &format!("foreign-other-{n}"), text).await?;
        same(
            "key",
            &fixture.port.inspect_version(&secret, &version).await?.map(|inside| inside.key),
            &Some(Err(why)),
        )?;
        same("credentials", &fixture.port.read(&secret, &version).await?, &None)?;
    }
    Ok(())
}

pub(super) async fn carried(fixture: &StoreFixture<'_>) -> Checked {
    let (old, _) = made_up('C')?;
    let more = r#""Region":"eu-west-1","Nested":{"a":[1,null]},"Größe":"\u00e9é","#;
    let (secret, theirs) = by_hand(fixture, "carried", &json(&old, more)).await?;
    let (new, version) = made_up('A')?;
    let size = looked_into(fixture, &secret, &theirs).await?.next_size;
    fixture.port.stage(&secret, &version, &new, Some(theirs.clone())).await?;
    same("credentials", &fixture.port.read(&secret, &version).await?, &Some(new.clone()))?;
    let text: String = fixture.lab.text_of(&secret, &version).await?.split_whitespace().collect();
    let written = fixture.lab.text_of(&secret, &version).await?.len();
    let length = |of: &Credentials| of.key.as_str().len() + of.secret.expose().len();
    let reserve = length(&Credentials::longest()) - length(&new);
    same("the size that was foretold, in bytes", &size, &Some(written + reserve))?;
    holds("a text field was not carried", text.contains(r#""Region":"eu-west-1""#))?;
    holds("a nested field was not carried", text.contains(r#""Nested":{"a":[1,null]}"#))?;
    holds(
        "the old key was carried",
        !text.contains(old.key.as_str()) && !text.contains(old.secret.expose()),
    )?;
    same(
        "inside",
        &fixture.port.inspect_version(&secret, &version).await?.map(|inside| inside.extras),
        &Some(true),
    )
}

pub(super) async fn listed(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, placeholder, first, _) = with_staged(fixture, "listed").await?;
    let (second, version) = made_up('B')?;
    fixture.port.unstage(&secret, &first).await?;
    fixture.port.stage(&secret, &version, &second, None).await?;
    fixture.lab.settle().await?;
    let found = fixture.port.versions(&secret).await?;
    let mut ids: Vec<_> = found.iter().map(|version| version.id.clone()).collect();
    let mut expected = vec![placeholder, first, version];
    ids.sort();
    expected.sort();
    same("versions", &ids, &expected)?;
    // A forged id is recognized by the version's date, so the date is the store's own, not the one
    // in the id.
    holds(
        "a version has no date of its own",
        found.iter().all(|version| version.created.is_some()),
    )?;
    let user = crate::model::names::UserName::parse(format!("{}-dated", fixture.lab.prefix()))?;
    fixture.lab.add_user(&user, "/", &[]).await?;
    let now = fixture.lab.add_key(&user).await?.created;
    let apart =
        found.iter().filter_map(|version| version.created).map(|at| (now - at).num_seconds());
    holds(
        "a version's date is not when it was written",
        apart.clone().all(|seconds| (-5..600).contains(&seconds)),
    )
}

pub(super) async fn hidden(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, placeholder, version, credentials) = with_staged(fixture, "hidden").await?;
    let material = &credentials.secret;
    hides("what is read", &format!("{:?}", fixture.port.read(&secret, &version).await), material)?;
    hides("the description", &format!("{:?}", fixture.port.describe(&secret).await), material)?;
    hides(
        "version contents",
        &format!("{:?}", fixture.port.inspect_version(&secret, &version).await),
        material,
    )?;
    let (_, other) = made_up('B')?;
    let nowhere = fixture.secret("hidden-nowhere")?;
    for result in [
        fixture.port.stage(&secret, &placeholder, &credentials, None).await,
        fixture.port.stage(&secret, &other, &credentials, Some(other.clone())).await,
        fixture.port.stage(&nowhere, &version, &credentials, None).await,
    ] {
        let shown = match &result {
            Ok(()) => String::new(),
            Err(error) => format!("{error:?} {error}"),
        };
        hides("an error", &shown, material)?;
    }
    Ok(())
}
