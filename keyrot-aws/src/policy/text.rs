//! Texts in a policy, and the characters that have to be escaped in them for each format.

/// The tool that fills in a policy's placeholders. It determines how a placeholder and a literal
/// `${` are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Syntax {
    /// No tool: plain JSON for IAM itself.
    #[default]
    Plain,
    /// CloudFormation's `Fn::Sub`.
    CloudFormation,
    /// Terraform's templates.
    Terraform,
}

/// A text that may have wildcards, and placeholders that are filled in when the policy is deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Fixed(String),
    Wildcard(&'static str),
    Open(String),
    /// One of IAM's own variables, such as `${aws:username}`.
    Variable(&'static str),
}

impl Text {
    /// Returns exactly these characters; a `*` in them is literal.
    #[must_use]
    pub fn fixed(text: impl Into<String>) -> Self {
        Self(vec![Piece::Fixed(text.into())])
    }

    /// Returns a wildcard for any number of characters.
    #[must_use]
    pub fn any() -> Self {
        Self(vec![Piece::Wildcard("*")])
    }

    /// Returns a text in which `*` and `?` are wildcards.
    #[must_use]
    pub fn wild(text: &str) -> Self {
        let pieces = text.split_inclusive(['*', '?']).flat_map(|part| {
            let (fixed, wildcard) = match part.as_bytes().last() {
                Some(b'*') => (&part[..part.len() - 1], Some("*")),
                Some(b'?') => (&part[..part.len() - 1], Some("?")),
                _ => (part, None),
            };
            [Some(Piece::Fixed(fixed.to_owned())), wildcard.map(Piece::Wildcard)]
        });
        Self(pieces.flatten().collect())
    }

    /// Returns a placeholder: `${AWS::AccountId}` or `${var.account}`, or `ACCOUNT` for you to fill
    /// in.
    #[must_use]
    pub fn open(place: impl Into<String>) -> Self {
        Self(vec![Piece::Open(place.into())])
    }

    /// Returns the variable for the name of the user who makes the request (IAM user guide, "IAM
    /// policy elements: Variables and tags").
    pub(super) fn own_name() -> Self {
        Self(vec![Piece::Variable("${aws:username}")])
    }

    /// Returns a pattern for what Secrets Manager adds to a secret's name: a hyphen and six
    /// characters.
    pub(super) fn arn_end() -> Self {
        Self(vec![Piece::Wildcard("-??????")])
    }

    /// Returns the text before this character, or all of it.
    #[cfg(feature = "settings")]
    pub(super) fn before(&self, end: char) -> Self {
        let mut pieces = Vec::new();
        for piece in &self.0 {
            match piece {
                Piece::Fixed(text) if text.contains(end) => {
                    let before = text.split(end).next().unwrap_or_default();
                    pieces.push(Piece::Fixed(before.to_owned()));
                    break;
                }
                other => pieces.push(other.clone()),
            }
        }
        Self(pieces)
    }

    /// Appends a text.
    #[must_use]
    pub fn then(mut self, next: Self) -> Self {
        self.0.extend(next.0);
        self
    }

    /// Concatenates texts.
    pub(super) fn all<const N: usize>(parts: [Self; N]) -> Self {
        Self(parts.into_iter().flat_map(|part| part.0).collect())
    }

    /// Returns the text for a `Resource`, or for an operator with wildcards.
    pub(super) fn pattern(&self, syntax: Syntax) -> String {
        self.write(syntax, |fixed| {
            fixed.replace('$', "${$}").replace('*', "${*}").replace('?', "${?}")
        })
    }

    /// Returns the text for use where wildcards have no meaning.
    pub(super) fn plain(&self, syntax: Syntax) -> String {
        self.write(syntax, |fixed| fixed.replace('$', "${$}"))
    }

    /// Escapes literal characters: for IAM, `${*}`, `${?}` and `${$}` are the characters themselves
    /// (IAM user guide, "IAM policy elements: Variables and tags").
    fn write(&self, syntax: Syntax, for_iam: impl Fn(&str) -> String) -> String {
        let for_tool = |text: String| match syntax {
            Syntax::Plain => text,
            Syntax::CloudFormation => text.replace("${", "${!"),
            Syntax::Terraform => text.replace("${", "$${"),
        };
        let write = |piece: &Piece| match piece {
            Piece::Fixed(text) => for_tool(for_iam(text)),
            Piece::Wildcard(text) => (*text).to_owned(),
            Piece::Open(place) => place.clone(),
            Piece::Variable(name) => for_tool((*name).to_owned()),
        };
        self.0.iter().map(write).collect()
    }

    pub(super) fn starts_with(&self, start: &str) -> bool {
        let empty = |piece: &&Piece| matches!(piece, Piece::Fixed(text) if text.is_empty());
        let first = self.0.iter().find(|piece| !empty(piece));
        matches!(first, Some(Piece::Fixed(text)) if text.starts_with(start))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::fixed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_stay_literal_with_every_tool() {
        let text = Text::fixed("/a*b$/").then(Text::any()).then(Text::open("${X}"));
        assert_eq!(text.pattern(Syntax::Plain), "/a${*}b${$}/*${X}");
        assert_eq!(text.pattern(Syntax::CloudFormation), "/a${!*}b${!$}/*${X}");
        assert_eq!(text.pattern(Syntax::Terraform), "/a$${*}b$${$}/*${X}");
        assert_eq!(Text::own_name().pattern(Syntax::CloudFormation), "${!aws:username}");
        assert_eq!(Text::own_name().pattern(Syntax::Terraform), "$${aws:username}");
        assert_eq!(Text::fixed("a*").plain(Syntax::Plain), "a*");
        assert_eq!(Text::wild("/v$/*/k?y").pattern(Syntax::Terraform), "/v$${$}/*/k?y");
    }
}
