{{- define "cassandra.labels" -}}
app.kubernetes.io/name: cassandra
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* The files of config/, with this release's values in them. */}}
{{- define "cassandra.config" -}}
{{- range $path, $_ := .Files.Glob "config/*" }}
{{ base $path }}: |
  {{- tpl ($.Files.Get $path) $ | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "cassandra.selector" -}}
app.kubernetes.io/name: cassandra
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
