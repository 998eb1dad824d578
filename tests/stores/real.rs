//! The same with a real S3 service behind the proxy.

use super::stage::{Deed, Service, Stage};
use crate::assets::s3;
use crate::support::proxy::{ALWAYS, Fault, ONCE};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto: make e2e"]
async fn e2e_what_goes_wrong_once_is_not_noticed_and_what_goes_wrong_always_is_said() {
    let mut stage = Stage::before(Service::Real(Box::new(s3::Service::moto().await))).await;
    for (fault, times) in
        [(Fault::Unavailable, ONCE), (Fault::Lost, ONCE), (Fault::CutOff, ONCE), (Fault::Twice, ALWAYS)]
    {
        stage.proxy.plan(fault.clone(), times, |_, _| true);
        for deed in Deed::ALL {
            assert_eq!(stage.does(deed).await, Ok(()), "{fault:?}: {deed:?}");
        }
        stage.proxy.heal();
    }
    stage.proxy.plan(Fault::Unavailable, ALWAYS, |_, _| true);
    for deed in Deed::ALL {
        assert_eq!(stage.does(deed).await, Err("OBJECT_STORE_UNAVAILABLE".into()), "{deed:?}");
    }
    stage.proxy.heal();
    stage.all_is_well().await;
}
