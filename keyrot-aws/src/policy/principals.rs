//! The policies of other principals: auditors, operators on call, consumers of a key, and users who
//! rotate their own key.

use super::{Policy, Scope, Sid, Statement, Text};
use keyrot_core::model::{HOME_TAG, JournalEntry};

impl Scope {
    /// Returns the policy for [`audit`](keyrot_core::audit). It only reads, and covers users with
    /// any tags and paths. A rotation needs none of it.
    #[must_use]
    pub fn audit_policy(&self) -> Policy {
        let mut statements = vec![Statement::new(Sid::ReadCredentialReport, "*")];
        statements.extend(self.find_users(&self.users_under("/".into())));
        statements.push(Statement::new(Sid::ListKeys, self.users_under("/".into())));
        Policy::of(statements)
    }

    /// Returns the policy of an operator on call. It allows what a run may do, for every user under
    /// the path, with or without the tag. It also allows changing the tag itself, `who-uses`, an
    /// audit, and simulating the operator's own permissions. The operator can take over each of
    /// these users. With [`Scope::end_sessions`], the operator can also give them every permission,
    /// so it is then an administrator's policy.
    #[must_use]
    pub fn operator_policy(&self) -> Policy {
        let run = Self { trail: true, ..self.clone() }.policy().statement;
        // Permissions for any user are not repeated for tagged users, and an audit's lists are not
        // repeated for users under the path.
        let mut statements: Vec<_> = run
            .into_iter()
            .filter(|s| {
                !matches!(s.sid, Sid::RotateTaggedUsers | Sid::RecordHomes | Sid::LookUpUsers)
            })
            .collect();
        let known: Vec<Sid> = statements.iter().map(|statement| statement.sid).collect();
        statements
            .extend(self.audit_policy().statement.into_iter().filter(|s| !known.contains(&s.sid)));
        let users = self.users_under(self.path_prefix.clone());
        statements.push(Statement::new(Sid::RotateAnyUser, users.clone()));
        // Only these tags may be set on a user.
        let tags = vec![self.tag.plain(self.syntax), HOME_TAG.to_owned()];
        statements.push(
            Statement::new(Sid::TagUsers, users)
                .when("ForAllValues:StringEquals", "aws:TagKeys", tags)
                .when("Null", "aws:TagKeys", "false"),
        );
        // On a secret in the regions that users are moved from, only this tag may be set.
        let left = self
            .home_regions
            .iter()
            .flat_map(|region| self.in_region(region).secret_arns())
            .collect::<Vec<_>>();
        if !left.is_empty() {
            statements.push(
                Statement::new(Sid::LeaveHomes, left)
                    .when("ForAllValues:StringEquals", "aws:TagKeys", JournalEntry::MOVED_TO)
                    .when("Null", "aws:TagKeys", "false"),
            );
        }
        if self.end_sessions {
            statements
                .push(Statement::new(Sid::EndSessions, self.users_under(self.path_prefix.clone())));
        }
        let roles = self.of_iam(Text::fixed("role/").then(Text::any()));
        statements
            .push(Statement::new(Sid::SimulatePolicies, vec![roles, self.users_under("/".into())]));
        Policy::of(statements)
    }

    /// Returns the policy of a consumer of the published keys in the scope's secrets.
    #[must_use]
    pub fn consumer_policy(&self) -> Policy {
        let mut statements = vec![
            Statement::new(Sid::ReadPublishedKey, self.secret_arns()).labelled(&["AWSCURRENT"]),
        ];
        statements.extend(self.with_key(Sid::DecryptPublishedKey, self.secret_arns()));
        Policy::of(statements)
    }

    /// Returns the policy of a user who rotates their own key. A user name is unique in an account,
    /// whatever the path.
    #[must_use]
    pub fn own_policy(&self) -> Policy {
        let own = [Text::fixed("user/"), Text::all(["user/".into(), Text::any(), "/".into()])]
            .map(|path| self.of_iam(path.then(Text::own_name())));
        Policy::of(vec![
            Statement::new(Sid::RotateOwnKey, own.to_vec()),
            Statement::new(Sid::SeeLastUse, "*"),
        ])
    }
}
