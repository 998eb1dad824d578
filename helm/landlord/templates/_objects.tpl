{{/* The object stores: each a bucket, or a volume that all replicas share. Called with a dict: values of one, its name, and how its
     options begin. */}}
{{- define "landlord.stores" -}}
{{- $first := dict "store" .Values.objects "name" "objects" "option" "LANDLORD_OBJECTS" "path" "/var/lib/landlord" -}}
{{- $second := dict "store" .Values.secondObjects "name" "second-objects" "option" "LANDLORD_OBJECTS__SECOND" "path" "/var/lib/landlord-second" -}}
{{- $stores := list $first -}}
{{- if or .Values.secondObjects.url .Values.secondObjects.existingClaim -}}
{{- $stores = append $stores $second -}}
{{- end -}}
{{- toYaml (dict "stores" $stores) -}}
{{- end -}}

{{- define "landlord.objectOptions" -}}
{{- range (include "landlord.stores" . | fromYaml).stores }}
{{- $name := .name }}
{{- $option := .option }}
{{- $path := .path }}
{{- with .store }}
{{- if .existingClaim }}
- name: {{ $option }}__URL
  value: file://{{ $path }}
{{- else }}
- name: {{ $option }}__URL
  value: {{ .url | quote }}
{{- with .endpoint }}
- name: {{ $option }}__S3__ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- with .region }}
- name: {{ $option }}__S3__REGION
  value: {{ . | quote }}
{{- end }}
{{- if .secretName }}
- name: {{ $option }}__S3__ACCESS_KEY_ID
  valueFrom:
    secretKeyRef:
      name: {{ .secretName }}
      key: {{ .accessKeyIdKey }}
- name: {{ $option }}__S3__SECRET_ACCESS_KEY_FILE
  value: /etc/landlord/{{ $name }}/{{ .secretAccessKeyKey }}
{{- end }}
{{- if .caConfigMap }}
- name: {{ $option }}__S3__CA_FILE
  value: /etc/landlord/{{ $name }}-ca/{{ .caKey }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "landlord.objectMounts" -}}
{{- range (include "landlord.stores" . | fromYaml).stores }}
{{- $name := .name }}
{{- $path := .path }}
{{- with .store }}
{{- if .existingClaim }}
- name: {{ $name }}
  mountPath: {{ $path }}
{{- else }}
{{- if .secretName }}
- name: {{ $name }}
  mountPath: /etc/landlord/{{ $name }}
  readOnly: true
{{- end }}
{{- if .caConfigMap }}
- name: {{ $name }}-ca
  mountPath: /etc/landlord/{{ $name }}-ca
  readOnly: true
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "landlord.objectVolumes" -}}
{{- range (include "landlord.stores" . | fromYaml).stores }}
{{- $name := .name }}
{{- with .store }}
{{- if .existingClaim }}
- name: {{ $name }}
  persistentVolumeClaim:
    claimName: {{ .existingClaim }}
{{- else }}
{{- if .secretName }}
- name: {{ $name }}
  secret:
    secretName: {{ .secretName }}
    defaultMode: 0440
    items:
      - key: {{ .secretAccessKeyKey }}
        path: {{ .secretAccessKeyKey }}
{{- end }}
{{- if .caConfigMap }}
- name: {{ $name }}-ca
  configMap:
    name: {{ .caConfigMap }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
