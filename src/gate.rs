//! The consumers' health gate and the deploy hook.
