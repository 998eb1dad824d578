{{/* Outgoing mail. Files are mounted as folders, since Kubernetes renews those when the Secret changes. */}}
{{- define "landlord.mailOptions" -}}
{{- with .Values.mail -}}
- name: LANDLORD_MAIL__FROM
  value: {{ .from | quote }}
{{- if .host }}
- name: LANDLORD_MAIL__SMTP__HOST
  value: {{ .host | quote }}
{{- with .port }}
- name: LANDLORD_MAIL__SMTP__PORT
  value: {{ . | quote }}
{{- end }}
- name: LANDLORD_MAIL__SMTP__TLS
  value: {{ .tls | quote }}
- name: LANDLORD_MAIL__SMTP__TIMEOUT_SECONDS
  value: {{ .timeoutSeconds | quote }}
{{- if .secretName }}
- name: LANDLORD_MAIL__SMTP__USER_NAME
  valueFrom:
    secretKeyRef:
      name: {{ .secretName }}
      key: {{ .userNameKey }}
- name: LANDLORD_MAIL__SMTP__PASSWORD_FILE
  value: /etc/landlord/mail/{{ .passwordKey }}
{{- end }}
{{- if .caConfigMap }}
- name: LANDLORD_MAIL__SMTP__CA_FILE
  value: /etc/landlord/mail-ca/{{ .caKey }}
{{- end }}
{{- end }}
{{- end -}}
{{- end -}}

{{- define "landlord.mailMounts" -}}
{{- with .Values.mail -}}
{{- if and .host .secretName }}
- name: mail
  mountPath: /etc/landlord/mail
  readOnly: true
{{- end }}
{{- if and .host .caConfigMap }}
- name: mail-ca
  mountPath: /etc/landlord/mail-ca
  readOnly: true
{{- end }}
{{- end }}
{{- end -}}

{{- define "landlord.mailVolumes" -}}
{{- with .Values.mail -}}
{{- if and .host .secretName }}
- name: mail
  secret:
    secretName: {{ .secretName }}
    defaultMode: 0440
    items:
      - key: {{ .passwordKey }}
        path: {{ .passwordKey }}
{{- end }}
{{- if and .host .caConfigMap }}
- name: mail-ca
  configMap:
    name: {{ .caConfigMap }}
{{- end }}
{{- end }}
{{- end -}}
