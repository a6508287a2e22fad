//! The cases for the secret store: what exists, and the first version. There are more in `versions`
//! and `notes`.

use super::case::{CaseResult, Checked, cases, fail, holds, refused, same};
use super::lab::Lab;
use super::{notes, versions};
use crate::conformance::fixture::{StoreFixture, at, made_up};
use crate::model::error::ErrorKind;
use crate::model::names::VersionId;
use crate::model::observed::{LabeledVersion, Secret, SecretState};
use crate::model::version::Content;
use crate::ports::SecretStorePort;

/// Runs all cases for a [`SecretStorePort`]. The port has to use the default names of the JSON
/// fields, `AccessKeyId` and `SecretAccessKey`.
pub async fn store(port: &dyn SecretStorePort, lab: &dyn Lab) -> Vec<CaseResult> {
    let fixture = &StoreFixture { port, lab };
    cases!["store", fixture;
        missing as a_missing_secret_is_no_error,
        created as a_new_secret_holds_the_placeholder,
        created_twice as creating_twice_is_a_conflict,
        owned as a_new_secret_names_its_owner,
        bound as another_owner_replaces_the_one_before,
        as_it_would_be as a_new_secret_is_as_the_settings_have_it,
        nowhere_else as no_secret_of_that_name_is_elsewhere,
        empty as a_secret_may_have_no_version,
        empty_filled as the_placeholder_goes_into_an_empty_secret,
        not_empty as the_placeholder_never_replaces_a_version,
        placeholder_staged as a_placeholder_is_staged_beside_the_current_version,
        deleted as a_deleted_secret_says_so,
        deleted_refuses as a_deleted_secret_refuses_a_new_version,
        versions::staged as staging_leaves_the_current_version,
        versions::staged_twice as staging_twice_is_a_no_op,
        versions::staged_otherwise as staging_other_content_is_a_conflict,
        versions::staged_again as a_newer_staged_version_takes_the_label,
        versions::test_written as a_test_write_moves_no_label_and_needs_what_staging_needs,
        versions::staged_nowhere as staging_in_no_secret_is_not_found,
        versions::promoted as promoting_moves_both_labels,
        versions::promoted_from_elsewhere as promoting_from_elsewhere_is_a_conflict,
        versions::promoted_late as promoting_from_the_version_before_is_a_conflict,
        versions::rolled_back as promoting_back_works,
        versions::unstaged as unstaging_takes_the_label_off,
        versions::unstaged_elsewhere as unstaging_elsewhere_is_a_conflict,
        versions::read as a_version_is_read_back_exactly,
        versions::read_nothing as the_placeholder_holds_no_credentials,
        versions::read_by_id as each_version_is_read_by_its_id,
        versions::foreign as a_foreign_version_is_looked_into,
        versions::foreign_extras as further_fields_are_seen,
        versions::foreign_other as a_foreign_version_without_a_key_is_no_error,
        versions::carried as further_fields_are_carried_along,
        versions::listed as versions_without_a_label_are_listed,
        versions::hidden as no_secret_is_shown,
        notes::none as a_new_secret_has_no_notes,
        notes::read_back as notes_are_read_back,
        notes::replaced as a_note_replaces_the_one_of_its_kind,
        notes::revoked_keys as each_revoked_key_is_kept_in_its_order,
        notes::survives as notes_survive_every_other_write,
        notes::longest as the_longest_note_is_kept_whole,
        notes::nowhere as a_note_on_no_secret_is_not_found,
    ]
}

async fn missing(fixture: &StoreFixture<'_>) -> Checked {
    same("state", &fixture.state(&fixture.secret("missing")?).await?, &SecretState::Missing)
}

async fn created(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, placeholder) = (fixture.secret("created")?, VersionId::for_placeholder(at(0)));
    fixture.port.create(&secret, &fixture.owner("STORE")?, &placeholder).await?;
    fixture.labels(&secret, [Some(&placeholder), None, None]).await?;
    let content = fixture.present(&secret).await?.current.map(|held| held.content);
    same("content", &content, &Some(Content::Placeholder))
}

async fn created_twice(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, placeholder) = fixture.adopted("twice").await?;
    let again = fixture
        .port
        .create(&secret, &fixture.owner("STORE")?, &VersionId::for_placeholder(at(9)))
        .await;
    refused("a second secret of the name", again, ErrorKind::Conflict)?;
    fixture.labels(&secret, [Some(&placeholder), None, None]).await
}

/// The owner's tag, which a run checks before it changes anything: if it were lost, the next run
/// would not recognize the secret as the user's.
async fn owned(fixture: &StoreFixture<'_>) -> Checked {
    let secret = fixture.secret("owned")?;
    let arn = fixture
        .port
        .create(&secret, &fixture.owner("OWNED")?, &VersionId::for_placeholder(at(0)))
        .await?;
    let found = fixture.present(&secret).await?;
    same("owner", &found.owner, &Some(fixture.owner("OWNED")?))?;
    same("the ARN that was answered", &found.arn, &arn)?;
    same("the name in the ARN", &arn.place().name, &secret)?;
    holds(&format!("{arn} has no suffix of its own"), arn.suffix().is_some())
}

async fn bound(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, _) = fixture.adopted("bound").await?;
    let before = fixture.present(&secret).await?;
    fixture.port.bind(&secret, &fixture.owner("SECOND")?).await?;
    let after = fixture.present(&secret).await?;
    same("owner", &after.owner, &Some(fixture.owner("SECOND")?))?;
    same("all else", &Secret { owner: None, ..after }, &Secret { owner: None, ..before })?;
    let nowhere =
        fixture.port.bind(&fixture.secret("bound-nowhere")?, &fixture.owner("SECOND")?).await;
    refused("an owner of no secret", nowhere, ErrorKind::NotFound)?;
    Ok(())
}

async fn as_it_would_be(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, _) = fixture.adopted("as-it-would-be").await?;
    same("differences", &fixture.port.differences(&secret).await?, &vec![])
}

/// The port's own region does not count as elsewhere.
async fn nowhere_else(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, _) = fixture.adopted("nowhere-else").await?;
    same("homes", &fixture.port.elsewhere(&secret, &fixture.owner("STORE")?).await?, &vec![])
}

async fn empty(fixture: &StoreFixture<'_>) -> Checked {
    let secret = fixture.secret("empty")?;
    fixture.lab.create_empty_secret(&secret).await?;
    fixture.labels(&secret, [None, None, None]).await
}

async fn empty_filled(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, placeholder) = (fixture.secret("filled")?, VersionId::for_placeholder(at(0)));
    fixture.lab.create_empty_secret(&secret).await?;
    fixture.port.put_placeholder(&secret, &placeholder).await?;
    fixture.labels(&secret, [Some(&placeholder), None, None]).await
}

async fn not_empty(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, placeholder) = fixture.adopted("not-empty").await?;
    let again = fixture.port.put_placeholder(&secret, &VersionId::for_placeholder(at(9))).await;
    refused("a placeholder over a version", again, ErrorKind::Conflict)?;
    fixture.labels(&secret, [Some(&placeholder), None, None]).await
}

async fn placeholder_staged(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, first) = fixture.adopted("placeholder-staged").await?;
    let second = VersionId::for_placeholder(at(9));
    fixture.port.stage_placeholder(&secret, &second).await?;
    fixture.port.stage_placeholder(&secret, &second).await?;
    let found = fixture.present(&secret).await?;
    let version = |held: Option<LabeledVersion>| held.map(|held| held.version);
    same("AWSCURRENT before", &version(found.current), &Some(first.clone()))?;
    same("AWSPENDING", &version(found.pending), &Some(second.clone()))?;
    fixture.port.promote(&secret, &first, &second).await?;
    let found = fixture.present(&secret).await?;
    let current = found.current.map(|held| (held.version, held.content));
    same("AWSCURRENT", &current, &Some((second, Content::Placeholder)))
}

async fn deleted(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, _) = fixture.adopted("deleted").await?;
    fixture.lab.delete_secret(&secret).await?;
    match fixture.state(&secret).await? {
        SecretState::Deleted { .. } => Ok(()),
        other => fail(format!("expected Deleted, found {other:?}")),
    }
}

async fn deleted_refuses(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, _) = fixture.adopted("deleted-refuses").await?;
    fixture.lab.delete_secret(&secret).await?;
    let (credentials, version) = made_up('A')?;
    match fixture.port.stage(&secret, &version, &credentials, None).await {
        Err(error) => same("effect", &error.effect, &crate::model::error::Effect::None),
        Ok(()) => fail("a deleted secret took a new version"),
    }
}
