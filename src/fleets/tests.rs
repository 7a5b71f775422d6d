//! The rules' promises, in terms of what lists said and of which first tokens were made.
