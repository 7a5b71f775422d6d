//! What is remembered of one connection: which account it opens, as the endpoint says.

use pgwire::api::ClientInfo;

/// Where pgwire keeps it, among the parameters of the connection.
const ACCOUNT: &str = "pintail.account";

/// Remembers the answer to `SELECT current_user`, if there is to be one.
pub(super) fn name(client: &mut impl ClientInfo, answer: Option<String>) {
    if let Some(answer) = answer {
        client.metadata_mut().insert(ACCOUNT.to_owned(), answer);
    }
}

/// The answer to `SELECT current_user`, if there is one.
pub(super) fn named(client: &impl ClientInfo) -> Option<&str> {
    client.metadata().get(ACCOUNT).map(String::as_str)
}
