// Prints what OpenJDK's charset x-EUC-TW makes of every code: `plane row: characters`, one line a row of
// 94 codes, U+FFFD where a code means nothing, and no line for a row without any.
//
//     java EucTw.java | gzip -9n > euc_tw.txt.gz
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.Charset;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

public class EucTw {
    public static void main(String[] args) throws Exception {
        Charset charset = Charset.forName("x-EUC-TW");
        StringBuilder lines = new StringBuilder();
        for (int plane = 1; plane <= 16; plane++) {
            for (int row = 1; row <= 94; row++) {
                StringBuilder line = new StringBuilder();
                boolean any = false;
                for (int cell = 1; cell <= 94; cell++) {
                    byte lead = (byte) (0xA0 + row), trail = (byte) (0xA0 + cell);
                    byte[] code = plane == 1
                            ? new byte[] {lead, trail}
                            : new byte[] {(byte) 0x8E, (byte) (0xA0 + plane), lead, trail};
                    try {
                        line.append(charset.newDecoder()
                                .onMalformedInput(CodingErrorAction.REPORT)
                                .onUnmappableCharacter(CodingErrorAction.REPORT)
                                .decode(ByteBuffer.wrap(code)));
                        any = true;
                    } catch (CharacterCodingException unmapped) {
                        line.append('\uFFFD');
                    }
                }
                if (any) lines.append(plane + " " + row + " " + line + "\n");
            }
        }
        System.out.write(lines.toString().getBytes(StandardCharsets.UTF_8));
        System.out.flush();
    }
}
