import * as z from 'zod'

const mediaType = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:\s*;\s*[\w!#$&^.+-]+=[\w!#$&^.+-]+)*$/

/** Body of `POST /artifacts`. */
export const uploadArtifact = z
  .object({
    session_id: z.string().describe('the session whose tasks may name it, and with which it is deleted'),
    data: z.base64().min(1).describe('the bytes as base64'),
    content_type: z.string().max(200).regex(mediaType, 'must be a media type, like image/png'),
    name: z
      .string()
      // oxlint-disable-next-line no-control-regex -- they are what is refused
      .regex(/^[^\u0000-\u001f\u007f/\\]{1,255}$/u, 'must be a file name without directories')
      .optional(),
  })
  .meta({ id: 'UploadArtifact' })
export type UploadArtifact = z.infer<typeof uploadArtifact>

/** What is known of an artifact; its bytes are `GET /artifacts/<id>`. */
export const artifact = z
  .object({
    artifact_id: z.string().describe('what an `artifact_ref` block names'),
    session_id: z.string(),
    content_type: z.string(),
    name: z.string().nullable(),
    size: z.int().describe('bytes'),
    sha256: z.string(),
    created_at: z.string(),
  })
  .meta({ id: 'Artifact' })
export type Artifact = z.infer<typeof artifact>
