//! The typed client of MotherDuck's REST API.
