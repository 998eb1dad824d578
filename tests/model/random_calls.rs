//! Random calls over a few tenants and two replicas, each answer compared with what the rules say.

use landlord::domain::operation::State;
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, TestCaseError, TestRunner};

use super::books::Books;
use super::rules::Call;
use super::service::{Again, Ask, Asked, Etag, Service, place, state};
use crate::support::client::refusal;

/// Tenants that the calls are on.
const TENANTS: usize = 3;
/// Cases, unless PROPTEST_CASES says otherwise.
const CASES: u32 = 12;
/// Steps of a case.
const STEPS: usize = 25;

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    Ask(Ask),
    /// From now on provisioning fails, or does not.
    Provisioning {
        broken: bool,
    },
    /// From now on nobody takes up work that is added, or everybody does again.
    Work {
        held: bool,
    },
    /// Deletion by force is switched on or off.
    Force {
        enabled: bool,
    },
    /// The time that failed tenants must rest passes.
    Rest,
}

fn asked() -> impl Strategy<Value = Asked> {
    let delete = (prop::bool::weighted(0.8), prop::bool::weighted(0.4));
    let call = prop_oneof![
        3 => Just(Call::Create),
        2 => Just(Call::Lock),
        2 => Just(Call::Unlock),
        3 => Just(Call::Prepare),
        2 => Just(Call::CancelDeletion),
        4 => delete.prop_map(|(confirmed, force)| Call::Delete { confirmed, force }),
        2 => Just(Call::RetryProvisioning),
        1 => (0..3_u8).prop_map(Call::Rename),
        1 => prop::bool::weighted(0.3).prop_map(Call::Protect),
    ];
    prop_oneof![
        10 => call.prop_map(Asked::Tenant),
        1 => (0..4_usize).prop_map(Asked::CancelOperation),
        1 => (0..4_usize).prop_map(Asked::RetryOperation),
    ]
}

fn ask() -> impl Strategy<Value = Ask> {
    let etag = prop_oneof![6 => Just(Etag::None), 3 => Just(Etag::Current), 1 => Just(Etag::Stale)];
    let again = (0..2_usize, prop::bool::weighted(0.3)).prop_map(|(replica, otherwise)| Again { replica, otherwise });
    let again = prop::option::weighted(0.3, again);
    (0..TENANTS, 0..2_usize, asked(), etag, prop::bool::weighted(0.1), again).prop_map(
        |(tenant, replica, asked, etag, validate_only, again)| Ask {
            tenant,
            replica,
            asked,
            etag,
            validate_only,
            again,
        },
    )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        20 => ask().prop_map(Step::Ask),
        1 => any::<bool>().prop_map(|broken| Step::Provisioning { broken }),
        2 => any::<bool>().prop_map(|held| Step::Work { held }),
        1 => prop::bool::weighted(0.7).prop_map(|enabled| Step::Force { enabled }),
        1 => Just(Step::Rest),
    ];
    prop::collection::vec(step, STEPS)
}

/// A case: the service, and what is written down of what it should have come to.
struct Case {
    service: Service,
    books: Books,
}

impl Case {
    async fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Ask(ref ask) => self.ask(ask).await?,
            Step::Provisioning { broken } => {
                if broken != self.books.broken {
                    self.service.provisioning(broken).await;
                }
                self.books.broken = broken;
            }
            Step::Work { held } => {
                if held != self.books.held {
                    self.service.work(held).await;
                }
                self.books.held = held;
                self.settle().await?;
            }
            Step::Force { enabled } => {
                self.service.force(enabled).await;
                self.books.force_enabled = enabled;
            }
            Step::Rest => {
                self.service.rest().await;
                self.books.rest();
            }
        }
        Ok(())
    }

    async fn ask(&mut self, ask: &Ask) -> Result<(), TestCaseError> {
        let page = &self.books.pages[ask.tenant];
        let before = self.service.tenant(ask.tenant).await;
        let request = self.service.request(ask, page, before.as_ref());
        let answer = self.service.ask(ask, &request).await?;
        match (&answer, self.books.answer(ask)) {
            (Ok(operation), Ok(outcome)) => {
                prop_assert!(!ask.validate_only || !outcome.begins() || operation.is_none());
                if !ask.validate_only {
                    self.books.write(ask, outcome, operation.as_ref().map(|operation| operation.name.clone()));
                }
            }
            (Err(status), Err(reason)) => prop_assert_eq!(refusal(status).1, reason.name()),
            (_, expected) => prop_assert!(false, "expected {expected:?}, got {answer:?}"),
        }
        if ask.validate_only || answer.is_err() {
            prop_assert_eq!(&before, &self.service.tenant(ask.tenant).await, "it changed something");
        }
        self.settle().await?;
        self.compare(ask.tenant).await
    }

    /// Waits for what is taken up, and for what is to be cancelled.
    async fn settle(&mut self) -> Result<(), TestCaseError> {
        for (tenant, number) in self.books.taken_up() {
            let name = &self.books.pages[tenant].operations[number].name;
            let ended = self.service.ended(name).await;
            let expected = self.books.end(tenant, number);
            prop_assert_eq!(state(&ended), expected, "{:?}", ended);
        }
        Ok(())
    }

    async fn compare(&self, tenant: usize) -> Result<(), TestCaseError> {
        let page = &self.books.pages[tenant];
        let shown = self.service.tenant(tenant).await;
        prop_assert_eq!(place(shown.as_ref(), !page.operations.is_empty()), page.tenant.place);
        if let Some(shown) = shown {
            prop_assert_eq!(&shown.display_name, &page.display_name);
            prop_assert_eq!(shown.protected, page.tenant.protected);
            let failed = shown.state() == landlord::proto::v1::tenant::State::Failed;
            prop_assert_eq!(shown.cooldown_expire_time.is_some(), failed);
        }
        Ok(())
    }

    /// In the end all that was held is done, and each operation has ended as it should have.
    async fn close(&mut self) -> Result<(), TestCaseError> {
        self.take(&Step::Work { held: false }).await?;
        for (tenant, page) in self.books.pages.iter().enumerate() {
            for operation in &page.operations {
                let ended = self.service.ended(&operation.name).await;
                prop_assert_eq!(state(&ended), operation.state, "{:?}", ended);
                prop_assert!(operation.state != State::Pending);
            }
            self.compare(tenant).await?;
        }
        Ok(())
    }
}

async fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut case = Case { service: Service::start().await, books: Books::new(TENANTS) };
    for step in &steps {
        let said = |error| match error {
            TestCaseError::Fail(why) => TestCaseError::fail(format!("{step:?}: {why}")),
            other => other,
        };
        case.take(step).await.map_err(said)?;
    }
    case.close().await
}

#[test]
fn whatever_is_called_answers_and_states_are_as_the_rules_say() {
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { ProptestConfig::default().cases } else { CASES };
    let seeds = FileFailurePersistence::Direct("tests/model/random_calls.proptest-regressions");
    let config = ProptestConfig {
        cases,
        max_shrink_iters: 100,
        failure_persistence: Some(Box::new(seeds)),
        ..ProptestConfig::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    TestRunner::new(config).run(&steps(), |steps| runtime.block_on(run(steps))).unwrap();
}
