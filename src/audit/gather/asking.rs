//! Questions to a session, and those it does not answer: [`Asking`].

use crate::connect::staged::{LoginMethod, Row, Session};
use crate::failure::Failure;

/// A session that is asked question after question.
pub(super) struct Asking<'a> {
    session: &'a mut Session,
    unanswered: Vec<&'static str>,
    cut: Vec<String>,
}

impl<'a> Asking<'a> {
    pub(super) fn new(session: &'a mut Session) -> Self {
        Self {
            session,
            unanswered: Vec::new(),
            cut: Vec::new(),
        }
    }

    /// The rows of a question, or none if the server does not answer it. `about`: what is then not
    /// known.
    pub(super) async fn ask(
        &mut self,
        about: &'static str,
        question: &str,
    ) -> Result<Vec<Row>, Failure> {
        let answer = self.session.ask(question).await?;
        if answer.is_none() {
            self.lack(about);
        }
        Ok(answer.unwrap_or_default())
    }

    /// An answer said nothing of this.
    pub(super) fn lack(&mut self, about: &'static str) {
        if !self.unanswered.contains(&about) {
            self.unanswered.push(about);
        }
    }

    /// No more than `most` of what was asked for one more than that; `what` is then not known of the
    /// rest.
    pub(super) fn keep<T>(&mut self, what: &str, most: usize, mut all: Vec<T>) -> Vec<T> {
        if all.len() > most {
            all.truncate(most);
            self.cut.push(format!("{what} beyond the first {most}"));
        }
        all
    }

    /// The same of a question that administrators alone are answered: that others are not is as it
    /// should be.
    pub(super) async fn ask_as_administrator(
        &mut self,
        question: &str,
    ) -> Result<Vec<Row>, Failure> {
        Ok(self.session.ask(question).await?.unwrap_or_default())
    }

    /// What a PostgreSQL server asked for at the login.
    pub(super) fn login_method(&self) -> Option<LoginMethod> {
        self.session.login_method()
    }

    /// What is not known, in words, if anything.
    pub(super) fn remarks(self) -> impl Iterator<Item = String> {
        let Self {
            unanswered, cut, ..
        } = self;
        let unanswered = (!unanswered.is_empty()).then(|| {
            format!(
                "not judged, since the server does not answer WA_DB_USERNAME: {}",
                unanswered.join(", ")
            )
        });
        let cut = (!cut.is_empty())
            .then(|| format!("not judged, since there are so many: {}", cut.join(", ")));
        unanswered.into_iter().chain(cut)
    }
}
