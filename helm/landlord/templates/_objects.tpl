{{/* The object store: a bucket, or a volume that all replicas share. */}}
{{- define "landlord.objectOptions" -}}
{{- with .Values.objects -}}
{{- if .existingClaim }}
- name: LANDLORD_OBJECTS__URL
  value: file:///var/lib/landlord
{{- else }}
- name: LANDLORD_OBJECTS__URL
  value: {{ .url | quote }}
{{- with .endpoint }}
- name: LANDLORD_OBJECTS__S3__ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- with .region }}
- name: LANDLORD_OBJECTS__S3__REGION
  value: {{ . | quote }}
{{- end }}
{{- if .secretName }}
- name: LANDLORD_OBJECTS__S3__ACCESS_KEY_ID
  valueFrom:
    secretKeyRef:
      name: {{ .secretName }}
      key: {{ .accessKeyIdKey }}
- name: LANDLORD_OBJECTS__S3__SECRET_ACCESS_KEY_FILE
  value: /etc/landlord/objects/{{ .secretAccessKeyKey }}
{{- end }}
{{- if .caConfigMap }}
- name: LANDLORD_OBJECTS__S3__CA_FILE
  value: /etc/landlord/objects-ca/{{ .caKey }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "landlord.objectMounts" -}}
{{- with .Values.objects -}}
{{- if .existingClaim }}
- name: objects
  mountPath: /var/lib/landlord
{{- else }}
{{- if .secretName }}
- name: objects
  mountPath: /etc/landlord/objects
  readOnly: true
{{- end }}
{{- if .caConfigMap }}
- name: objects-ca
  mountPath: /etc/landlord/objects-ca
  readOnly: true
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "landlord.objectVolumes" -}}
{{- with .Values.objects -}}
{{- if .existingClaim }}
- name: objects
  persistentVolumeClaim:
    claimName: {{ .existingClaim }}
{{- else }}
{{- if .secretName }}
- name: objects
  secret:
    secretName: {{ .secretName }}
    defaultMode: 0440
    items:
      - key: {{ .secretAccessKeyKey }}
        path: {{ .secretAccessKeyKey }}
{{- end }}
{{- if .caConfigMap }}
- name: objects-ca
  configMap:
    name: {{ .caConfigMap }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
