//! The stand-in for MotherDuck: its REST API and its Postgres endpoint, with a switch for everything undocumented.
