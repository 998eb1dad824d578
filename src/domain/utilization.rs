//! Utilization: how often people log in to a tenant in a day of the current week, against its licences of all kinds.

use chrono::{DateTime, NaiveTime, TimeDelta, TimeZone as _, Utc, Weekday};
use chrono_tz::Tz;

use super::lifecycle::State;
use super::name::TimeZone;
use super::names::names;

names! {
    /// How much a tenant is used.
    Level {
        /// That can't be told.
        Unknown = "UNKNOWN",
        /// Less than one log-in a day for each licence.
        Low = "LOW",
        /// One log-in a day for each licence, and less than three.
        Average = "AVERAGE",
        /// Three log-ins a day for each licence, or more.
        High = "HIGH",
    }
}

/// A week up to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Week {
    /// When it began: Monday, 00:00.
    pub start: DateTime<Utc>,
    /// Until when it is looked at.
    pub now: DateTime<Utc>,
}

impl Week {
    /// The current one in a time zone.
    pub fn current(now: DateTime<Utc>, zone: &TimeZone) -> Self {
        Self { start: start(now, zone.clocks()), now }
    }

    /// How much of it is over. A week that has just begun counts as one day, which nobody has seen the whole of: else the
    /// first who logs in at midnight would count as hundreds a day.
    fn counted(&self) -> TimeDelta {
        (self.now - self.start).max(TimeDelta::days(1))
    }
}

/// Where the clocks are put forward at midnight, Monday begins later.
fn start(now: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
    let monday = now.with_timezone(&zone).date_naive().week(Weekday::Mon).first_day();
    let midnight = monday.and_time(NaiveTime::MIN);
    let minutes = (0..24 * 60).map(|minute| midnight + TimeDelta::minutes(minute));
    let mut there = minutes.filter_map(|time| zone.from_local_datetime(&time).earliest());
    there.next().map_or(now, |first| first.to_utc().min(now))
}

/// How much a tenant is used, or why that can't be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Utilization {
    /// The tenant is in another state than ACTIVE.
    NotActive(State),
    /// Its server can't be reached.
    Unreachable,
    /// It has no licences.
    Unlicensed,
    /// So much.
    Counted {
        /// The week in the time zone of the tenant's server.
        week: Week,
        /// Log-ins in that week.
        log_ins: i64,
        /// Licences of all kinds.
        licenses: i64,
    },
}

impl Utilization {
    /// That of a tenant to which nobody has logged in as far as is known yet.
    pub fn uncounted(state: State, server_reachable: bool, licenses: i64, week: Week) -> Self {
        match state {
            State::Active if !server_reachable => Self::Unreachable,
            State::Active if licenses == 0 => Self::Unlicensed,
            State::Active => Self::Counted { week, log_ins: 0, licenses },
            other => Self::NotActive(other),
        }
    }

    /// How that is called. Whole numbers are compared, so that exactly once and exactly thrice are what they are.
    pub fn level(&self) -> Level {
        let Self::Counted { week, log_ins, licenses } = *self else { return Level::Unknown };
        let [day, counted] = [TimeDelta::days(1), week.counted()]
            .map(|time| i128::from(time.num_seconds()) * 1_000_000_000 + i128::from(time.subsec_nanos()));
        let (log_ins, once) = (i128::from(log_ins) * day, i128::from(licenses) * counted);
        if log_ins < once {
            Level::Low
        } else if log_ins < 3 * once {
            Level::Average
        } else {
            Level::High
        }
    }

    /// Log-ins in a day of the week, for people.
    #[expect(clippy::cast_precision_loss, reason = "people don't read sixteen digits")]
    pub fn log_ins_per_day(&self) -> Option<f64> {
        let Self::Counted { week, log_ins, .. } = self else { return None };
        let days = week.counted().num_seconds() as f64 / TimeDelta::days(1).num_seconds() as f64;
        Some(*log_ins as f64 / days)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    fn week(now: &str, zone: &str) -> Week {
        Week::current(at(now), &TimeZone::parse(zone).unwrap())
    }

    fn level(log_ins: i64, licenses: i64, week: Week) -> Level {
        Utilization::Counted { week, log_ins, licenses }.level()
    }

    #[test]
    fn a_week_begins_on_monday_at_midnight_where_the_server_stands() {
        for (now, zone, start) in [
            ("2026-11-26T05:44:48Z", "UTC", "2026-11-23T00:00:00Z"),
            ("2026-11-23T00:00:00Z", "UTC", "2026-11-23T00:00:00Z"),
            ("2026-11-22T23:59:59.999999Z", "UTC", "2026-11-16T00:00:00Z"),
            ("2026-11-22T23:00:00Z", "Europe/Berlin", "2026-11-22T23:00:00Z"),
            ("2026-11-22T22:59:59.999999Z", "Europe/Berlin", "2026-11-15T23:00:00Z"),
            ("2026-11-23T04:59:59Z", "America/New_York", "2026-11-16T05:00:00Z"),
            ("2026-11-23T05:00:00Z", "America/New_York", "2026-11-23T05:00:00Z"),
            ("2026-11-22T10:15:00Z", "Pacific/Chatham", "2026-11-22T10:15:00Z"),
            ("2026-11-22T18:15:00Z", "Asia/Kathmandu", "2026-11-22T18:15:00Z"),
        ] {
            assert_eq!(week(now, zone), Week { start: at(start), now: at(now) }, "{now} {zone}");
        }
    }

    #[test]
    fn a_week_in_which_clocks_are_put_forward_or_back_has_the_hours_that_it_has() {
        let hours = |last: &str, zone: &str| (week(last, zone).counted() + TimeDelta::seconds(1)).num_hours();
        assert_eq!(hours("2026-03-29T21:59:59Z", "Europe/Berlin"), 167);
        assert_eq!(hours("2026-10-25T22:59:59Z", "Europe/Berlin"), 169);
        assert_eq!(hours("2026-11-01T22:59:59Z", "Europe/Berlin"), 168);
        assert_eq!(week("2026-03-29T22:00:00Z", "Europe/Berlin").start, at("2026-03-29T22:00:00Z"), "the next one");
        // With as many licences as a day has hours, one log-in an hour is one a day for each.
        for (now, hours) in [("2026-03-29T21:00:00Z", 166), ("2026-10-25T22:00:00Z", 168)] {
            let week = week(now, "Europe/Berlin");
            assert_eq!(level(hours, 24, week), Level::Average, "{now}");
            assert_eq!(level(hours - 1, 24, week), Level::Low, "{now}");
        }
    }

    #[test]
    fn a_monday_without_a_midnight_begins_when_its_clocks_do() {
        // In Tehran the clocks went from 00:00 to 01:00 on Monday, the 22nd of March 2021.
        let first = "2021-03-21T20:30:00Z";
        assert_eq!(week("2021-03-24T00:00:00Z", "Asia/Tehran").start, at(first));
        assert_eq!(week(first, "Asia/Tehran").start, at(first));
        assert_eq!(week("2021-03-21T20:29:59Z", "Asia/Tehran").start, at("2021-03-14T20:30:00Z"));
        // There they went back to 23:00 on Sunday, when Monday, the 21st of September 2020, was about to begin.
        assert_eq!(week("2020-09-20T19:45:00Z", "Asia/Tehran").start, at("2020-09-13T19:30:00Z"));
        assert_eq!(week("2020-09-20T20:30:00Z", "Asia/Tehran").start, at("2020-09-20T20:30:00Z"));
    }

    #[test]
    fn exactly_once_is_average_and_exactly_thrice_is_high() {
        let three_days = week("2026-11-26T00:00:00Z", "UTC");
        for (log_ins, wanted) in
            [(0, Level::Low), (29, Level::Low), (30, Level::Average), (89, Level::Average), (90, Level::High)]
        {
            assert_eq!(level(log_ins, 10, three_days), wanted, "{log_ins}");
        }
        let a_moment_later = week("2026-11-26T00:00:00.000001Z", "UTC");
        assert_eq!(level(30, 10, a_moment_later), Level::Low);
        assert_eq!(level(90, 10, a_moment_later), Level::Average);
        let half_days = week("2026-11-24T12:00:00Z", "UTC");
        assert_eq!((level(3, 2, half_days), level(2, 2, half_days)), (Level::Average, Level::Low));
        let most = level(i64::MAX, 100_000_000_000, three_days);
        assert_eq!(most, Level::High, "nothing overflows");
    }

    #[test]
    fn a_week_that_has_just_begun_counts_as_a_day() {
        for now in ["2026-11-23T00:00:00Z", "2026-11-23T00:00:01Z", "2026-11-23T23:59:59Z", "2026-11-24T00:00:00Z"] {
            let monday = week(now, "UTC");
            assert_eq!((level(1, 2, monday), level(2, 2, monday)), (Level::Low, Level::Average), "{now}");
            assert_eq!(level(6, 2, monday), Level::High, "{now}");
            let counted = Utilization::Counted { week: monday, log_ins: 6, licenses: 2 };
            assert_eq!(counted.log_ins_per_day(), Some(6.0), "{now}");
        }
    }

    #[test]
    fn what_is_not_active_not_in_reach_or_without_licences_is_not_known() {
        let week = week("2026-11-26T05:44:48Z", "UTC");
        for state in State::ALL {
            for (reachable, licenses) in [(true, 5), (false, 5), (true, 0), (false, 0)] {
                let known = *state == State::Active && reachable && licenses > 0;
                let found = Utilization::uncounted(*state, reachable, licenses, week);
                let wanted = if known { Level::Low } else { Level::Unknown };
                assert_eq!(found.level(), wanted, "{state:?} {reachable} {licenses}");
                assert_eq!(found.log_ins_per_day(), known.then_some(0.0));
            }
        }
    }

    proptest! {
        /// From 2000 to 2100, in every zone.
        #[test]
        fn a_week_begins_on_a_monday_and_is_the_last_one_that_did(
            seconds in 946_684_800_i64..4_102_444_800,
            zone in proptest::sample::select(chrono_tz::TZ_VARIANTS.as_slice()),
        ) {
            let now = DateTime::from_timestamp(seconds, 0).unwrap();
            let start = start(now, zone);
            let monday = start.with_timezone(&zone).date_naive();
            let just_before = start - TimeDelta::seconds(1);
            prop_assert!(start <= now);
            prop_assert_eq!(monday, now.with_timezone(&zone).date_naive().week(Weekday::Mon).first_day());
            prop_assert!(just_before.with_timezone(&zone).date_naive() < monday, "{zone} {start}");
            prop_assert_eq!(super::start(start, zone), start);
            prop_assert_eq!(start.timestamp() % 900, 0, "a quarter of an hour is in one week as a whole: {} {}", zone, start);
        }

        #[test]
        fn more_log_ins_never_mean_less_and_more_licences_never_mean_more(
            (log_ins, more) in (0..1_000_000_i64, 0..1_000_i64),
            (licenses, further) in (1..10_000_i64, 0..100_i64),
            seconds in 0..8 * 86_400_i64,
        ) {
            let now = at("2026-11-23T00:00:00Z") + TimeDelta::seconds(seconds);
            let week = Week { start: at("2026-11-23T00:00:00Z"), now };
            let here = level(log_ins, licenses, week);
            prop_assert!(level(log_ins + more, licenses, week) >= here);
            prop_assert!(level(log_ins, licenses + further, week) <= here);
            let a_day = Utilization::Counted { week, log_ins, licenses }.log_ins_per_day().unwrap();
            let each = a_day / f64::from(i32::try_from(licenses).unwrap());
            // Away from the edges, which whole numbers decide.
            match here {
                Level::Low => prop_assert!(each < 1.0 + 1e-9),
                Level::Average => prop_assert!(each > 1.0 - 1e-9 && each < 3.0 + 1e-9),
                Level::High => prop_assert!(each > 3.0 - 1e-9),
                Level::Unknown => prop_assert!(false),
            }
        }
    }
}
