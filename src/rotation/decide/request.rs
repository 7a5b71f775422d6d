//! What is asked for: what may be begun, whether the gate is skipped, and whether tokens elsewhere may go.

/// What may be begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// Nothing: what is unfinished is finished.
    Nothing,
    /// What the schedule or the expiry asks for.
    WhatIsDue,
    /// A rotation.
    Rotation,
    /// The way back to the predecessor.
    RollBack,
}

/// What a run is asked for.
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by itself")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// What may be begun.
    pub begin: Begin,
    /// The served token is known to others: nobody waits for the consumers.
    pub is_compromised: bool,
    /// A person says that nobody needs the tokens any more that live where the credential's secret is not.
    pub gives_up_old_place: bool,
    /// Nobody named the credential: a rotation that is asked for begins only where it is not paused.
    pub heeds_pause: bool,
    /// What is at rest by its record is not listed: whoever asks has it listed at another time, on a slower clock.
    pub spares_lists: bool,
}

impl Request {
    /// The schedule decides.
    pub const SCHEDULE: Self = Self { begin: Begin::WhatIsDue, ..Self::FINISH };
    /// What is unfinished is finished; nothing begins.
    pub const FINISH: Self = Self {
        begin: Begin::Nothing,
        is_compromised: false,
        gives_up_old_place: false,
        heeds_pause: false,
        spares_lists: false,
    };
    /// A rotation now.
    pub const ROTATION: Self = Self { begin: Begin::Rotation, ..Self::FINISH };
    /// A rotation now, and no gate: the served token is known to others.
    pub const COMPROMISED: Self = Self { is_compromised: true, ..Self::ROTATION };
    /// The predecessor again.
    pub const ROLL_BACK: Self = Self { begin: Begin::RollBack, ..Self::FINISH };

    /// The same once it was begun: what is left is to finish.
    #[must_use]
    pub const fn begun(self) -> Self {
        Self { begin: Begin::Nothing, ..self }
    }

    /// The same, and the tokens that live elsewhere are replaced as well.
    #[must_use]
    pub const fn giving_up_old_place(self) -> Self {
        Self { gives_up_old_place: true, ..self }
    }

    /// The same, asked of credentials that nobody named: what is paused stays at rest, unless it has leaked.
    #[must_use]
    pub const fn heeding_pause(self) -> Self {
        Self { heeds_pause: true, ..self }
    }

    /// The same, without a list where nothing seems to have changed.
    #[must_use]
    pub const fn sparing_lists(self) -> Self {
        Self { spares_lists: true, ..self }
    }

    /// Whether it is [`Self::ROTATION`], whoever is meant.
    pub fn is_rotation(self) -> bool {
        Self { heeds_pause: false, ..self } == Self::ROTATION
    }

    /// Whether tokens that live elsewhere are replaced as well. Of a leak nobody knows which of them leaked.
    pub(super) fn takes_all(self) -> bool {
        self.gives_up_old_place || self.is_compromised
    }

    /// Paused means: begin nothing by yourself. To finish is safe, and what is frozen half way leaves two tokens.
    pub(super) fn unless(self, is_paused: bool) -> Self {
        let yields = match self.begin {
            Begin::WhatIsDue => true,
            Begin::Rotation => self.heeds_pause && !self.is_compromised,
            Begin::Nothing | Begin::RollBack => false,
        };
        if is_paused && yields { self.begun() } else { self }
    }

    pub(super) fn only_finishes(self) -> bool {
        self.begin == Begin::Nothing && !self.is_compromised
    }
}
