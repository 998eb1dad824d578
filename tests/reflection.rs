//! Reflection as old and new clients speak it.

use std::collections::BTreeSet;

use landlord::proto::DESCRIPTORS;
use prost_reflect::DescriptorPool;
use tonic::transport::{Channel, Endpoint};

use crate::support::server::TestServer;

/// Asks one question in one version of the protocol; gives the names of what comes back.
macro_rules! asker {
    ($name:ident, $version:ident) => {
        mod $name {
            use prost::Message as _;
            use tonic::transport::Channel;
            use tonic_reflection::pb::$version::ServerReflectionRequest;
            use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
            use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
            use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;

            async fn ask(channel: Channel, question: MessageRequest) -> MessageResponse {
                let request = ServerReflectionRequest { host: String::new(), message_request: Some(question) };
                let mut client = ServerReflectionClient::new(channel);
                let asked = client.server_reflection_info(futures::stream::iter([request])).await;
                asked.unwrap().into_inner().message().await.unwrap().unwrap().message_response.unwrap()
            }

            pub async fn refusal(channel: Channel) -> tonic::Status {
                let question = Some(MessageRequest::ListServices(String::new()));
                let request = ServerReflectionRequest { host: String::new(), message_request: question };
                let mut client = ServerReflectionClient::new(channel);
                client.server_reflection_info(futures::stream::iter([request])).await.unwrap_err()
            }

            pub async fn services(channel: Channel) -> Vec<String> {
                match ask(channel, MessageRequest::ListServices(String::new())).await {
                    MessageResponse::ListServicesResponse(list) => list.service.into_iter().map(|s| s.name).collect(),
                    other => panic!("{other:?}"),
                }
            }

            pub async fn files_with(channel: Channel, symbol: &str) -> Vec<String> {
                match ask(channel, MessageRequest::FileContainingSymbol(symbol.to_owned())).await {
                    MessageResponse::FileDescriptorResponse(files) => files
                        .file_descriptor_proto
                        .iter()
                        .map(|file| {
                            prost_types::FileDescriptorProto::decode(file.as_slice()).unwrap().name().to_owned()
                        })
                        .collect(),
                    other => panic!("{other:?}"),
                }
            }
        }
    };
}
asker!(new, v1);
asker!(old, v1alpha);

async fn channel(server: &TestServer) -> Channel {
    Endpoint::new(format!("http://{}", server.address)).unwrap().connect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_list_every_service() {
    let server = TestServer::start().await;
    let ours: BTreeSet<_> =
        DescriptorPool::decode(DESCRIPTORS).unwrap().services().map(|s| s.full_name().to_owned()).collect();
    assert!(ours.contains("landlord.v1.TenantService"));
    for listed in [new::services(channel(&server).await).await, old::services(channel(&server).await).await] {
        let listed: BTreeSet<_> = listed.into_iter().collect();
        assert!(ours.is_subset(&listed), "{listed:?}");
        assert!(listed.contains("grpc.health.v1.Health"), "{listed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_describe_a_service_and_what_errors_carry() {
    let server = TestServer::start().await;
    for (symbol, file) in [
        ("landlord.v1.TenantService", "landlord/v1/tenant_service.proto"),
        ("google.rpc.ErrorInfo", "google/rpc/error_details.proto"),
    ] {
        let found = [
            new::files_with(channel(&server).await, symbol).await,
            old::files_with(channel(&server).await, symbol).await,
        ];
        for files in found {
            assert!(files.iter().any(|name| name.ends_with(file.rsplit('/').next().unwrap())), "{symbol}: {files:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_answered_when_it_is_switched_off() {
    let server = TestServer::with(&[("reflection", "false".into())]).await;
    for refused in [new::refusal(channel(&server).await).await, old::refusal(channel(&server).await).await] {
        assert_eq!(refused.code(), tonic::Code::Unimplemented, "{refused:?}");
    }
}
