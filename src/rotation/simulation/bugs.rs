//! What may be wrong with an adapter, planted to see whether the checker notices.

/// One broken promise of the seam.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bug {
    /// A publication does not compare.
    WritesOverAnything,
    /// A publication that met a conflict is sent again over the newer version.
    PublishesAgain,
    /// A publication without an answer is taken as not done.
    SilenceIsRefusal,
    /// A publication without an answer is taken as done.
    SilenceIsSuccess,
    /// A creation without an answer is sent again.
    RetriesCreation,
    /// Any refusal of a revocation is taken as "gone already": a plain 404 for instance.
    AnyNoIsGone,
    /// What was written is not read back from the store.
    ReadsFromMemory,
    /// No bug, but a history: older versions were written by another deployment, whose secret was taken over.
    OlderIsAnothers,
    /// The old admin token is gone by while it is revoked.
    KeepsItsAdminToken,
    /// The endpoint is not asked whose a token is.
    IgnoresWhoseItIs,
    /// A write leaves out the pause that a person had written into the record.
    ForgetsPauses,
    /// The store acknowledges what it does not keep.
    KeepsNothing,
    /// The store says that somebody else came first, whoever did.
    AlwaysConflicts,
}
