#!/bin/sh
# Usage: chart.sh CHART
# Lints the chart, renders it, and makes sure that its schema refuses mistakes.
set -eu
chart=$1
# A helm built from source takes the cluster to be an ancient one unless told.
cluster=1.34.0

helm lint --strict --quiet --kube-version "$cluster" "$chart"
helm template check "$chart" --kube-version "$cluster" >/dev/null
mail=$(helm template check "$chart" --kube-version "$cluster" \
    --set mail.host=mail.example.com,mail.port=2525,mail.secretName=mail,mail.caConfigMap=authorities)
for wanted in 'value: "mail.example.com"' 'value: "2525"' /etc/landlord/mail/password /etc/landlord/mail-ca/ca.crt; do
    case $mail in
        *"$wanted"*) ;;
        *)
            echo "chart: with a mail server, $wanted is missing" >&2
            exit 1
            ;;
    esac
done
objects=$(helm template check "$chart" --kube-version "$cluster" \
    --set objects.endpoint=https://s3.example.com,objects.region=eu,objects.secretName=s3,objects.caConfigMap=authorities)
for wanted in 'value: "s3://landlord"' 'value: "https://s3.example.com"' /etc/landlord/objects/secret-access-key \
    /etc/landlord/objects-ca/ca.crt; do
    case $objects in
        *"$wanted"*) ;;
        *)
            echo "chart: with a bucket, $wanted is missing" >&2
            exit 1
            ;;
    esac
done
volume=$(helm template check "$chart" --kube-version "$cluster" --set objects.existingClaim=shared,objects.secretName=s3)
case $volume in
    *"value: file:///var/lib/landlord"*"claimName: shared"*) ;;
    *)
        echo "chart: with a volume, it is not the object store" >&2
        exit 1
        ;;
esac
second=$(helm template check "$chart" --kube-version "$cluster" \
    --set secondObjects.url=s3://copies,secondObjects.secretName=s3-copies,secondObjects.caConfigMap=authorities)
for wanted in 'name: LANDLORD_OBJECTS__SECOND__URL' 'value: "s3://copies"' /etc/landlord/second-objects/secret-access-key \
    /etc/landlord/second-objects-ca/ca.crt; do
    case $second in
        *"$wanted"*) ;;
        *)
            echo "chart: with a second bucket, $wanted is missing" >&2
            exit 1
            ;;
    esac
done
case $objects in
    *SECOND*)
        echo "chart: there is a second store that nobody asked for" >&2
        exit 1
        ;;
esac
for mistake in replicas=3 image.tags=v1 replicaCount=none database.secretName= rootKey.value=hunter2 mail.password=hunter2 mail.tls=ssl \
    objects.url=bucket objects.secretAccessKey=hunter2 secondObjects.url=bucket; do
    said=$(helm template check "$chart" --kube-version "$cluster" --set "$mistake" 2>&1 || true)
    case $said in
        *"values don't meet the specifications of the schema"*) ;;
        *)
            echo "chart: the schema accepts the mistake $mistake" >&2
            exit 1
            ;;
    esac
done
echo "chart: lints, renders and refuses mistakes"
