//! What the fleet makes of what it is told.

use super::*;

#[test]
fn a_fleet_that_was_told_nothing_has_nothing_to_show() {
    let snapshot = nobody().snapshot();
    assert_eq!(snapshot.planner, PlannerState::Starting);
    assert!(snapshot.members.is_empty() && snapshot.rotations.is_empty());
}
